"""What tests of accounts have in common."""

import pytest
from argon2 import PasswordHasher

from app.auth import passwords


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in no time: that it takes some is for others to test."""
    passwords.nobodys()  # which stays, for other tests
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))
