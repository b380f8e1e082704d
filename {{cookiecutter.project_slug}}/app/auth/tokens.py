"""Tokens: 256 random bits for their holder, a hash for the database."""

import secrets
from hashlib import sha256


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What is kept of a token: as it is random, a fast hash is enough."""
    return sha256(token.encode()).hexdigest()
