"""What the settings take, refuse and say."""

import pytest

from app.settings import Settings, SettingsError, load

PRODUCTION = {
    "ENVIRONMENT": "production",
    "PUBLIC_URL": "https://example.com",
    "SECRET_KEY": "k" * 40,
}


def complaints(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load([Settings])
    return str(caught.value).splitlines()


@pytest.mark.parametrize("variable", ["SECRET_KEY", "PUBLIC_URL"])
def test_production_needs(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    found = complaints(monkeypatch, **PRODUCTION | {variable: ""})
    assert found == [f"{variable} must be set in production"]


def test_who_has_no_number_cannot_share_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = complaints(monkeypatch, INSTANCE="0", PROMETHEUS_MULTIPROC_DIR=".")
    assert line == "PROMETHEUS_MULTIPROC_DIR needs an INSTANCE above 0"


@pytest.mark.parametrize("key", ["change-me", "short", "x" * 31])
def test_a_placeholder_is_no_key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    assert "SECRET_KEY" in complaints(monkeypatch, **PRODUCTION | {"SECRET_KEY": key})[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("INSTANCE", "-1"),
        ("TRUSTED_PROXIES", "everyone"),
        ("PROMETHEUS_MULTIPROC_DIR", "/nowhere"),
        ("ENVIRONMENT", "staging"),
        ("PUBLIC_URL", "ftp://nowhere"),
        ("PUBLIC_URL", "https://example.com/path"),
        ("LOG_LEVEL", "loud"),
        ("DRAIN_SECONDS", "-1"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it_and_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    (line,) = complaints(monkeypatch, **{variable: value})
    assert line.startswith(f"{variable}: ")
    assert value not in line


def test_every_complaint_is_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(complaints(monkeypatch, PORT="x", LOG_LEVEL="y")) == 2


def test_the_public_url_says_the_host_and_whether_cookies_are_secure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.hosts == {"example.com"}
    assert settings.https
