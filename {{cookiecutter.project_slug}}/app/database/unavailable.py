"""Unavailable: told apart from faults of our own SQL, and of the code that uses the database."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import ExceptionContext, event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from app.problems import Problem

POSTGRESQL = ("08", "25006", "28", "3D", "40", "53", "55P03", "57")
"""SQLSTATEs that tell of the server, not of the statement (PostgreSQL, appendix A)."""
SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


class Unavailable(Problem):
    """The database does not answer: 503; what it said instead is for the log only."""

    def __init__(self, error: Exception) -> None:
        super().__init__(503, "The database does not answer. Try again soon.", {"Retry-After": "5"})
        self.said = (str(error) or type(error).__name__).splitlines()[0]

    def __str__(self) -> str:
        return self.said


@contextmanager
def reaching() -> Iterator[None]:
    """Around nothing but getting a connection: what fails there is not always of the driver."""
    try:
        yield
    except (OSError, PoolTimeout) as error:
        raise Unavailable(error) from None


def tell_apart(engine: AsyncEngine) -> AsyncEngine:
    """Make the engine raise `Unavailable` instead of the driver's errors that mean it."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def _tell(context: ExceptionContext) -> Unavailable | None:
        error = context.original_exception
        if context.is_pre_ping or not isinstance(error, Exception):
            return None  # the pool will connect anew; somebody has cancelled us
        connecting = context.connection is None
        away = connecting or context.is_disconnect or _says_so(error)
        return Unavailable(error) if away else None

    return engine


def _says_so(error: Exception) -> bool:
    state, code = getattr(error, "sqlstate", None), getattr(error, "sqlite_errorcode", None)
    return str(state or "").startswith(POSTGRESQL) or (code or 0) & 0xFF in SQLITE
