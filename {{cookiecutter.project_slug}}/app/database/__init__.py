"""The database: `service.get(Database)`, the base of the models, migrations."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from alembic.util import CommandError

from app.database import migrations
from app.database.base import Base, now
from app.database.database import Database, rows
from app.database.settings import DatabaseSettings
from app.database.unavailable import Unavailable
from app.settings import SettingsError

if TYPE_CHECKING:
    from app.service import Service

__all__ = ["Base", "Database", "Unavailable", "now", "rows"]

SETTINGS = DatabaseSettings


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Bring the database; in development also to the newest schema.

    A production service starts without its database and says so in `/health/ready`.
    """
    database = service.provide(Database(service.get(DatabaseSettings).url))
    service.checks["database"] = lambda: _ready(database)
    try:
        if not service.config.production:
            await _migrate(service, [])
        yield
    finally:
        await database.engine.dispose()


async def _ready(database: Database) -> None:
    async with database.reader.connect() as connection:
        await connection.run_sync(migrations.must_be_applied)


async def _migrate(service: "Service", arguments: list[str]) -> int:
    """Apply the migrations that are new to the database, or go to a revision: migrate -1."""
    url = service.get(DatabaseSettings).url
    with _in_one_line():
        await (migrations.go_to(url, arguments[0]) if arguments else migrations.apply(url))
    return 0


async def _migration(service: "Service", arguments: list[str]) -> int:
    """Migrate, and write a file for what the models have and the database has not."""
    with _in_one_line():
        message = " ".join(arguments) or "change"
        await migrations.write(service.get(DatabaseSettings).url, message)
    return 0


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Say without a traceback what is not a fault of the migrations."""
    try:
        yield
    except Unavailable as error:
        raise SettingsError(f"DATABASE_URL: the database does not answer: {error}") from None
    except CommandError as error:
        raise SettingsError(f"migrations: {error}") from None


COMMANDS: dict[str, Callable[["Service", list[str]], Awaitable[int]]] = {
    "migrate": _migrate,
    "migration": _migration,
}
