"""The one way to the data: transactions that end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import Executable
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.database import engine
from app.database.unavailable import Unavailable, reaching

log = structlog.get_logger()


class Database:
    """The database of the service: `service.get(Database)`."""

    def __init__(self, url: URL) -> None:
        self.engine = engine.create(url)
        self.reader = self.engine.execution_options(reads=True)
        self._writing = async_sessionmaker(self.engine, expire_on_commit=False)
        self._reading = async_sessionmaker(self.reader, expire_on_commit=False)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed at the end of the block, rolled back by an error.

        Raises `Unavailable`. On SQLite there is one at a time: keep it short.
        """
        async with _transaction(self._writing) as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads, and so waits for nobody; raises `Unavailable`."""
        async with _transaction(self._reading) as session:
            yield session


async def rows(session: AsyncSession, query: Executable) -> list[dict[str, Any]]:
    """What the query finds, each row by the names of its columns."""
    return [dict(row) for row in (await session.execute(query)).mappings()]


@asynccontextmanager
async def _transaction(make: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    """Log in one line that the database is away; the errors of the block itself pass."""
    try:
        async with make.begin() as session:
            with reaching():
                await session.connection()
            yield session
    except Unavailable as error:
        log.error("database is away", error=error.said)
        raise
