"""What a person has at hand who logs in."""

import pytest

from tests.auth.authenticator import App


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    return App(monkeypatch)
