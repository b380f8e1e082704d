"""The engine: SQLite and PostgreSQL, each set so that nothing waits without a bound."""

import asyncio
import logging
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.database.unavailable import tell_apart

CONNECT_SECONDS = 2.0
COMMAND_SECONDS = 5.0
LOCK_SECONDS = 5.0
"""How long one writer of SQLite waits for another."""
POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 0, "pool_timeout": 2.0}
PATIENT_SECONDS = 600.0

logging.getLogger("aiosqlite").setLevel(logging.INFO)  # below that it logs what is stored


def create(url: URL) -> AsyncEngine:
    """The engine that requests are answered with; nothing is connected yet."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, LOCK_SECONDS, **POOL)
    limits = {"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS}
    return _engine(url, limits, pool_pre_ping=True, **POOL)


def patient(url: URL) -> AsyncEngine:
    """One connection at a time that may take its time, as migrations do.

    On SQLite without foreign keys: a table is altered by dropping it, and that would cascade.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, PATIENT_SECONDS, keys="OFF", poolclass=NullPool)
    return _engine(url, {"timeout": CONNECT_SECONDS}, poolclass=NullPool)


def check_foreign_keys(connection: Connection) -> None:
    """Raise if `patient` has left rows behind that refer to none, before they are committed."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            tables = sorted({f"{row.table} to {row.parent}" for row in broken})
            raise RuntimeError(f"rows refer to none: {', '.join(tables)}")


def _engine(url: URL, limits: dict[str, Any], **options: Any) -> AsyncEngine:
    """The engine; the parameters of a statement are not in its errors, and so not in the log."""
    options |= {"connect_args": limits, "hide_parameters": True}
    return tell_apart(create_async_engine(url, **options))


def _sqlite(url: URL, lock_seconds: float, keys: str = "ON", **options: Any) -> AsyncEngine:
    """SQLite with a log beside the file (WAL): readers and the one writer do not block each other.

    The driver's own transactions are switched off, as they begin too late.
    """
    limits = {"timeout": lock_seconds, "isolation_level": None, "async_creator_fn": _connect}
    engine = _engine(url, limits, **options)

    @event.listens_for(engine.sync_engine, "do_connect")
    def _make_folder(*_: object) -> None:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _set(connection: Any, record: object) -> None:
        connection.run_async(lambda driver: _prepare(driver, lock_seconds, keys))

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        """A writer locks first: one that read before would fail, not wait, when it writes."""
        reads = connection.get_execution_options().get("reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


class _Connection(aiosqlite.Connection):
    """Ends when it is told to, once, and before the loop: its thread answers to the loop.

    By itself it waits for ever when it is told again, or keeps its transaction open, where a task
    is cancelled while SQLAlchemy closes the connection because the task was cancelled before.
    """

    async def close(self) -> None:
        self._interrupt()
        await super().close()

    def stop(self) -> "asyncio.Future[Any] | None":
        if not self._running:
            return None
        self._interrupt()
        if self._connection:
            self._tx.put_nowait((None, self._connection.close))
        ended = super().stop()
        with suppress(RuntimeError):  # no loop runs, or its own threads have ended
            asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        return ended

    def _interrupt(self) -> None:
        """What is running yet was cancelled."""
        with suppress(sqlite3.ProgrammingError):  # it has just been closed
            if self._connection:
                self._connection.interrupt()


def _connect(database: str, **options: Any) -> _Connection:
    connection = _Connection(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy does itself
    return connection


async def _prepare(driver: Any, seconds: float, keys: str) -> None:
    """Set the connection; SQLite does not itself wait for another who is about to start the WAL."""
    await driver.execute(f"PRAGMA foreign_keys = {keys}")
    deadline = time.monotonic() + seconds
    while True:
        try:
            await driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.01)
        else:
            return
