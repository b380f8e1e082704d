"""In production cookies are secure, or there is no service."""

import pytest

from app.auth.settings import AuthSettings
from app.settings import SettingsError, load


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://localhost:8080", "http://127.0.0.1"]
)
def test_https_and_this_machine_are_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("PUBLIC_URL", url)
    assert load([AuthSettings])


def test_http_is_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "http://example.com")
    assert load([AuthSettings])
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SettingsError, match="PUBLIC_URL must be https in production"):
        load([AuthSettings])
