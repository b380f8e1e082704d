"""Migrations (Alembic): the steps by which the schema has grown, one file each in `versions/`."""

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from app.database import engine
from app.database.unavailable import reaching

LOCK = 0x6D696772617465
"""The key of PostgreSQL's advisory lock: any number that nothing else uses."""

FOLDER = Path(__file__).parent
FILE = "%(year)d%(month).2d%(day).2d_%(hour).2d%(minute).2d_%(rev)s_%(slug)s"
"""Files are in order; as their ids are random, two branches do not take the same one."""

log = structlog.get_logger()
logging.getLogger("alembic.runtime").setLevel(logging.WARNING)


async def apply(url: URL) -> None:
    """Bring the database to the newest schema, in one transaction; a second one waits for it."""
    await _locked(url, _upgrade)


async def go_to(url: URL, revision: str) -> None:
    """Bring the database to this revision, forwards or back, such as `-1` or `base`."""

    def go(connection: Connection) -> None:
        before = MigrationContext.configure(connection).get_current_revision()
        backwards = revision.startswith("-") or revision == "base" or revision in _up_to(before)
        (command.downgrade if backwards else command.upgrade)(_config(connection), revision)
        now = MigrationContext.configure(connection).get_current_revision()
        log.info("migrated", before=before, now=now)

    await _locked(url, go)


async def write(url: URL, message: str) -> None:
    """Write a file with the step from the newest schema to the models, to be read before use."""

    def revise(connection: Connection) -> None:
        _upgrade(connection)
        command.revision(_config(connection), message, autogenerate=True)

    await _locked(url, revise)


def must_be_applied(connection: Connection) -> None:
    """Raise unless the schema is this code's or a newer one, as it is during a rolling restart."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None or found in _older():
        raise RuntimeError("migrations are missing: run the command `migrate`")


async def _locked(url: URL, work: Callable[[Connection], Any]) -> None:
    async with AsyncExitStack() as stack:
        with reaching():
            connection = await stack.enter_async_context(engine.patient(url).begin())
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        await connection.run_sync(work)


def _upgrade(connection: Connection) -> None:
    before = MigrationContext.configure(connection).get_current_revision()
    if before != _scripts().get_current_head():
        command.upgrade(_config(connection), "head")
        log.info("migrated", before=before, now=_scripts().get_current_head())


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    for name, value in (("script_location", str(FOLDER)), ("file_template", FILE)):
        config.set_main_option(name, value.replace("%", "%%"))
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _up_to(revision: str | None) -> set[str]:
    return {s.revision for s in _scripts().iterate_revisions(revision, "base")}


@cache
def _older() -> frozenset[str]:
    """The revisions that this code knows, but for its newest."""
    scripts = _scripts()
    return frozenset(s.revision for s in scripts.walk_revisions()) - set(scripts.get_heads())
