"""Where the data is kept: what the environment can say about the database."""

from importlib import import_module
from inspect import signature

from pydantic import field_validator
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.settings import Environment

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
SHAPE = "must look like postgresql://user:password@host/name or sqlite:///folder/file.db"


class DatabaseSettings(Environment):
    """`DATABASE_URL`; by default a file that needs no server."""

    database_url: str = "sqlite:///var/app.db"

    @field_validator("database_url")
    @classmethod
    def a_database(cls, value: str) -> str:
        return _parse(value).render_as_string(hide_password=False)

    @property
    def url(self) -> URL:
        """The address, with the driver that the service talks through."""
        return make_url(self.database_url)


def _parse(value: str) -> URL:
    try:
        url = make_url(value)
        url = url.set(drivername=DRIVERS[url.drivername])
    except (ArgumentError, KeyError, ValueError):
        raise ValueError(SHAPE) from None
    if not url.database or url.database == ":memory:":
        raise ValueError(SHAPE)
    if mode := url.query.get("sslmode"):  # libpq's name for what asyncpg calls ssl
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    if url.query and url.drivername == DRIVERS["postgresql"]:
        _known(url)
    return url


def _known(url: URL) -> None:
    """Refuse options that the driver would only complain of when it connects."""
    driver = import_module("asyncpg")  # only where it is needed: it takes a while
    unknown = url.query.keys() - signature(driver.connect).parameters.keys()
    if unknown - {"prepared_statement_cache_size"}:
        raise ValueError("has options after the ? that are not known")
