"""What tests of accounts have in common."""

import pytest
from argon2 import PasswordHasher

from app.auth import passwords
from tests.auth.authenticator import App

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def real_hashes() -> None:
    """Asked for where it matters how passwords are hashed."""


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in no time, as that takes most of it."""
    passwords.nobodys.cache_clear()
    if "real_hashes" not in request.fixturenames:
        monkeypatch.setattr(passwords, "HASHER", QUICK)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """The authenticator app that a person has at hand who logs in."""
    return App(monkeypatch)
