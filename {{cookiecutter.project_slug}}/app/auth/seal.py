"""Sealing: what must be read again is kept encrypted, so that the database alone is of no use."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Seal:
    """AES-256-GCM with a key for this use only, derived from `SECRET_KEY` (RFC 5869)."""

    def __init__(self, key: str, use: str) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), 32, None, use.encode()).derive(key.encode()))

    def close(self, text: str, owner: str) -> str:
        """The text, sealed for this owner: in the row of another it cannot be opened."""
        nonce = secrets.token_bytes(12)
        sealed = self._cipher.encrypt(nonce, text.encode(), owner.encode())
        return urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, owner: str) -> str | None:
        """The text, or None where the key, the owner or the text is another."""
        data = urlsafe_b64decode(sealed)
        try:
            return self._cipher.decrypt(data[:12], data[12:], owner.encode()).decode()
        except InvalidTag:
            return None
