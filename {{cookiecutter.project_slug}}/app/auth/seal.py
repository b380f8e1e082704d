"""Sealing: what must be read again is kept encrypted, so that the database alone is of no use."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def seal(text: str, key: str, use: str) -> str:
    """The text, encrypted for this use only, such as `totp:ID`."""
    return _fernet(key, use).encrypt(text.encode()).decode()


def unseal(sealed: str, key: str, use: str) -> str | None:
    """The text, or None where the key, the use or the text is another."""
    try:
        return _fernet(key, use).decrypt(sealed).decode()
    except InvalidToken:
        return None


def _fernet(key: str, use: str) -> Fernet:
    """With a key of its own for each use, derived from `SECRET_KEY` (RFC 5869)."""
    return Fernet(urlsafe_b64encode(HKDF(SHA256(), 32, None, use.encode()).derive(key.encode())))
