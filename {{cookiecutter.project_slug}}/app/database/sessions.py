"""Sessions: the one way to the data, in transactions that end."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.database import engine
from app.problems import Problem

AWAY = ("08", "28", "3D", "53", "57")
"""Classes of SQLSTATE that tell of the server, not of the statement (PostgreSQL, appendix A)."""

log = structlog.get_logger()


class Unavailable(Problem):
    """The database does not answer: 503; what it said instead is for the log only."""

    def __init__(self, said: str) -> None:
        super().__init__(503, "The database does not answer. Try again soon.", {"Retry-After": "5"})
        self.said = said

    def __str__(self) -> str:
        return self.said


class Database:
    """The database of the service: `service.get(Database)`."""

    def __init__(self, url: URL) -> None:
        self.url, self.engine = url, engine.create(url)
        self.reader = self.engine.execution_options(reads=True)
        self._writing = async_sessionmaker(self.engine, expire_on_commit=False)
        self._reading = async_sessionmaker(self.reader, expire_on_commit=False)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed at the end of the block, rolled back by an error.

        Raises `Unavailable`. On SQLite there is one at a time: keep it short.
        """
        with _logged():
            async with self._writing.begin() as session:
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads, and so waits for nobody; raises `Unavailable`."""
        with _logged():
            async with self._reading.begin() as session:
                yield session


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` for every error that says that the database cannot be reached."""
    try:
        yield
    except (OSError, PoolTimeout) as error:
        reason: Exception = error
    except DBAPIError as error:
        if not _is_away(error):
            raise
        reason = error.orig or error
    else:
        return
    raise Unavailable((str(reason) or type(reason).__name__).splitlines()[0]) from None


@contextmanager
def _logged() -> Iterator[None]:
    """Log in one line that a request could not be served."""
    try:
        with translated():
            yield
    except Unavailable as error:
        log.error("database is away", error=error.said)
        raise


def _is_away(error: DBAPIError) -> bool:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    kinds = (OperationalError, InterfaceError)
    return error.connection_invalidated or isinstance(error, kinds) or state.startswith(AWAY)
