"""`OIDC_PROVIDERS`: what is wrong with it is said in a line, without its secrets."""

import json
from typing import Any

import pytest

from app.oidc.settings import OidcSettings
from app.settings import SettingsError, load

GOOD = {"issuer": "https://id.example", "client_id": "us", "client_secret": "s3cret"}


def loaded(monkeypatch: pytest.MonkeyPatch, value: Any, **more: str) -> OidcSettings:
    text = value if isinstance(value, str) else json.dumps(value)
    for name, given in ({"OIDC_PROVIDERS": text} | more).items():
        monkeypatch.setenv(name, given)
    (settings,) = load([OidcSettings])
    assert isinstance(settings, OidcSettings)
    return settings


@pytest.mark.parametrize(
    "where",
    [
        {"issuer": "https://id.example"},
        {"issuer": "https://id.example/"},
        {"discovery_url": "https://id.example/.well-known/openid-configuration"},
    ],
)
def test_a_provider_is_who_it_is_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, where: dict[str, str]
) -> None:
    given = {"client_id": "us", "client_secret": "s3cret"} | where
    assert loaded(monkeypatch, {"a": given}).oidc_providers["a"].issuer == "https://id.example"


def test_http_is_for_this_machine_and_development(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"a": GOOD | {"issuer": "http://localhost:9400"}}
    assert loaded(monkeypatch, here).oidc_providers
    with pytest.raises(SettingsError, match=r"^OIDC_PROVIDERS .*https"):
        loaded(monkeypatch, here, ENVIRONMENT="production")


@pytest.mark.parametrize(
    "value",
    [
        "s3cret",
        "{",
        "[]",
        {"a": "s3cret"},
        {"A": GOOD},
        {"a/b": GOOD},
        {"a": GOOD | {"client_secret": ""}},
        {"a": GOOD | {"issuer": "http://id.example"}},
        {"a": GOOD | {"issuer": "ftp://localhost"}},
        {"a": GOOD | {"issuer": "https://"}},
        {"a": GOOD | {"issuer": "https://[s3cret"}},
        {"a": GOOD | {"typo": "s3cret"}},
        {"a": {"client_id": "us", "client_secret": "s3cret"}},
    ],
)
def test_what_is_wrong_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    with pytest.raises(SettingsError) as error:
        loaded(monkeypatch, value)
    assert str(error.value).startswith("OIDC_PROVIDERS")
    assert "\n" not in str(error.value)
    assert "s3cret" not in str(error.value)
