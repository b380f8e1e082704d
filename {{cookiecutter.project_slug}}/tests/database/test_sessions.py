"""Sessions commit, roll back, wait for each other, and say when the database is away."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.database import Database, Unavailable
from app.database.engine import _prepare
from app.database.settings import DatabaseSettings

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TABLE = "CREATE TABLE numbers (number INTEGER PRIMARY KEY)"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(DatabaseSettings(database_url=database_url).url)
    async with database.session() as session:
        await session.execute(text(TABLE))
    yield database
    await database.engine.dispose()


async def add(database: Database, number: int, fails: bool = False) -> None:
    async with database.session() as session:
        await session.execute(text("SELECT max(number) FROM numbers"))
        await session.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
        if fails:
            raise ZeroDivisionError


async def total(database: Database) -> int:
    async with database.reading() as session:
        return int(await session.scalar(text("SELECT count(*) FROM numbers")) or 0)


async def test_commits_at_the_end_and_rolls_back_on_an_error(database: Database) -> None:
    await add(database, 1)
    with pytest.raises(ZeroDivisionError):
        await add(database, 2, fails=True)
    with pytest.raises(IntegrityError):
        await add(database, 1)
    assert await total(database) == 1


async def test_many_who_read_and_then_write_at_once_wait_for_each_other(database: Database) -> None:
    await asyncio.gather(*(add(database, number) for number in range(30)))
    assert await total(database) == 30


@on_sqlite
async def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    async with database.session() as session:
        await session.execute(text("INSERT INTO numbers VALUES (1)"))
        assert await asyncio.wait_for(total(database), 1) == 0


@pytest.mark.parametrize("away", ["postgresql://u@127.0.0.1:1/n", "sqlite:////proc/nowhere/x.db"])
async def test_a_database_that_is_away_is_said_in_one_line(away: str) -> None:
    database = Database(DatabaseSettings(database_url=away).url)
    with pytest.raises(Unavailable) as caught:
        await total(database)
    assert caught.value.status_code == 503
    assert len(str(caught.value).splitlines()) == 1
    await database.engine.dispose()


@on_sqlite
async def test_an_exhausted_pool_is_a_bounded_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = database.engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.01)
    held = [await database.engine.connect() for _ in range(10)]
    with pytest.raises(Unavailable):
        await total(database)
    for connection in held:
        await connection.close()
    assert await total(database) == 0


class Busy:
    """A connection that others keep from starting the log, so many times."""

    def __init__(self, times: int) -> None:
        self.times, self.asked = times, list[str]()

    async def execute(self, statement: str) -> None:
        self.asked.append(statement)
        if "WAL" in statement and (times := self.asked.count(statement)) <= self.times:
            raise sqlite3.OperationalError(f"database is locked, {times}")


async def test_those_who_start_a_sqlite_file_at_once_try_again() -> None:
    busy = Busy(2)
    await _prepare(busy, 5, "ON")
    assert [s.split()[1] for s in busy.asked] == ["foreign_keys"] + ["journal_mode"] * 3
    with pytest.raises(sqlite3.OperationalError):
        await _prepare(Busy(99), 0, "ON")
