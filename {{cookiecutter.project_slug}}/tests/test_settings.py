"""What the settings take, refuse and say."""

from pathlib import Path

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


@pytest.mark.parametrize(
    "key", ["change-me-change-me-change-me-change-me", "short", "x" * 31, " " * 40]
)
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
        ("PUBLIC_URL", "https://example.com:port"),
        ("PUBLIC_URL", "https://example.com:65536"),
        ("PUBLIC_URL", "https://name:word@example.com"),
        ("PUBLIC_URL", "https://example.com?x=1"),
        ("PUBLIC_URL", "https://*.example.com"),
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


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ("HTTPS://Example.com:443/", "https://example.com"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_the_public_url_is_written_as_browsers_write_it(
    monkeypatch: pytest.MonkeyPatch, said: str, origin: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", said)
    assert Settings().origin == origin


def test_an_address_of_ipv6_is_in_brackets_in_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "::1")
    assert Settings().origin == "http://[::1]:8000"


def test_a_file_of_settings_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xff")
    with pytest.raises(SettingsError, match="must be text in UTF-8"):
        load([Settings, Settings])


def test_the_public_url_says_the_host_and_whether_cookies_are_secure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.hosts == {"example.com"}
    assert settings.https
