"""What `DATABASE_URL` takes and refuses."""

import pytest

from app.database.settings import DatabaseSettings
from app.settings import SettingsError, load


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("", "sqlite+aiosqlite:///var/app.db"),
        ("sqlite:////tmp/x.db", "sqlite+aiosqlite:////tmp/x.db"),
        ("postgresql://u:p%40@h:5/n", "postgresql+asyncpg://u:p%40@h:5/n"),
        ("postgres://h/n?sslmode=require", "postgresql+asyncpg://h/n?ssl=require"),
        ("postgresql://h/n?timeout=9", "postgresql+asyncpg://h/n?timeout=9"),
    ],
)
def test_takes_the_usual_addresses(monkeypatch: pytest.MonkeyPatch, given: str, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    assert DatabaseSettings().url.render_as_string(hide_password=False) == url


@pytest.mark.parametrize(
    "given", ["mysql://h/n", "nonsense", "sqlite://", "sqlite:///:memory:", "postgresql://h:x/n"]
)
def test_a_bad_address_is_one_line_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    with pytest.raises(SettingsError) as caught:
        load([DatabaseSettings])
    (line,) = str(caught.value).splitlines()
    assert line.startswith("DATABASE_URL: must look like postgresql://")
    assert line.endswith("sqlite:///folder/file.db")


def test_an_option_that_is_not_known_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://h/n?application=x")
    with pytest.raises(SettingsError, match="that are not known"):
        load([DatabaseSettings])
