"""Transactions commit, roll back, wait for each other, and say when the database is away."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.database import Database, Unavailable, engine
from app.database.settings import DatabaseSettings

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
LONG = (
    "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c LIMIT 300000) SELECT n FROM c"
)
ENDLESS = LONG.replace("300000", "3000000000").replace("SELECT n FROM", "SELECT count(*) FROM")
ENDS_SECONDS = 60
"""What waits for ever does not end in this time; a busy disk may take some of it."""
TABLE = "CREATE TABLE numbers (number INTEGER PRIMARY KEY)"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(DatabaseSettings(database_url=database_url).url)
    await run(database, TABLE)
    yield database
    await database.engine.dispose()


async def run(database: Database, *statements: str, **parameters: int) -> None:
    async with database.writing() as session:
        for statement in statements:
            await session.execute(text(statement), parameters)


def connected() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "_connection_worker" in thread.name}


async def add(database: Database, number: int, fails: Exception | None = None) -> None:
    async with database.writing() as session:
        await session.execute(text("SELECT max(number) FROM numbers"))
        await session.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
        if fails:
            raise fails


async def total(database: Database) -> int:
    async with database.reading() as session:
        return int(await session.scalar(text("SELECT count(*) FROM numbers")) or 0)


async def test_commits_at_the_end_and_rolls_back_on_an_error(database: Database) -> None:
    await add(database, 1)
    with pytest.raises(ZeroDivisionError):
        await add(database, 2, ZeroDivisionError())
    with pytest.raises(IntegrityError):
        await add(database, 1)
    assert await total(database) == 1


async def test_many_who_read_and_then_write_at_once_wait_for_each_other(database: Database) -> None:
    await asyncio.gather(*(add(database, number) for number in range(30)))
    assert await total(database) == 30


@on_sqlite
async def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(text("INSERT INTO numbers VALUES (1)"))
        assert await asyncio.wait_for(total(database), 1) == 0


@pytest.mark.parametrize(
    "away",
    ["postgresql://u@127.0.0.1:1/n", "sqlite:////proc/nowhere/x.db", "sqlite:///no_database.db"],
)
async def test_a_database_that_is_away_is_said_in_one_line(away: str) -> None:
    Path("no_database.db").write_text("something else")  # noqa: ASYNC240
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


async def test_a_fault_in_a_statement_is_not_the_databases(database: Database) -> None:
    for fault in ("SELECT nothing FROM numbers", "SELECT * FROM nowhere", "SELEC"):
        with pytest.raises(DBAPIError):
            await run(database, fault)


@on_sqlite
async def test_what_the_block_itself_raises_passes(database: Database) -> None:
    for error in (TimeoutError("mine"), ConnectionResetError("mine"), sqlite3.OperationalError()):
        with pytest.raises(type(error)) as caught:
            await add(database, 1, error)
        assert caught.value is error
    assert await total(database) == 0


@on_sqlite
async def test_an_error_does_not_tell_the_parameters(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        await run(database, "INSERT INTO nowhere VALUES (:number)", number=31337)
    assert "31337" not in str(caught.value)


@on_sqlite
@pytest.mark.parametrize("limit", ["query_only = ON", "max_page_count = 2"])
async def test_a_file_that_cannot_be_written_is_unavailable(database: Database, limit: str) -> None:
    with pytest.raises(Unavailable):
        await run(database, f"PRAGMA {limit}", "CREATE TABLE more (number INTEGER)")


@on_sqlite
async def test_a_file_that_is_locked_is_unavailable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.01)
    hasty = Database(database.engine.url)
    async with database.writing():
        with pytest.raises(Unavailable, match="locked"):
            await add(hasty, 1)
    await hasty.engine.dispose()


async def test_a_statement_that_is_cancelled_does_not_run_on(database: Database) -> None:
    counting = asyncio.create_task(run(database, ENDLESS))
    await asyncio.sleep(0.1)
    counting.cancel()
    ended, _ = await asyncio.wait([counting], timeout=ENDS_SECONDS)
    assert ended


def test_no_thread_of_a_connection_outlives_the_loop(tmp_path: Path) -> None:
    """It would answer to a loop that is closed."""

    async def cancel_twice() -> None:
        database = Database(DatabaseSettings(database_url=f"sqlite:///{tmp_path}/app.db").url)
        counting = asyncio.create_task(run(database, ENDLESS))
        await asyncio.sleep(0.1)
        for _ in range(2):
            counting.cancel()
            await asyncio.sleep(0)

    before = connected()
    asyncio.run(cancel_twice())
    assert not connected() - before


async def test_what_is_cancelled_again_and_again_ends(database: Database) -> None:
    """At its end the process cancels what is left once, and waits for it."""
    before = connected()
    for _ in range(5):
        others = asyncio.all_tasks()
        counting = asyncio.create_task(run(database, LONG))
        for _ in range(4):
            await asyncio.sleep(0.02)
            counting.cancel()
        while left := asyncio.all_tasks() - others:
            _, waiting = await asyncio.wait(left, timeout=ENDS_SECONDS)
            assert not waiting
    await database.engine.dispose()
    async with asyncio.timeout(ENDS_SECONDS):
        while connected() - before:  # noqa: ASYNC110 - threads do not tell
            await asyncio.sleep(0.01)


@on_postgresql
async def test_of_two_in_a_deadlock_one_is_told_to_try_again(database: Database) -> None:
    await run(database, "INSERT INTO numbers VALUES (1), (2)")
    both, row = asyncio.Barrier(2), text("SELECT * FROM numbers WHERE number = :n FOR UPDATE")

    async def take(first: int, second: int) -> None:
        async with database.writing() as session:
            await session.execute(row, {"n": first})
            await both.wait()
            await session.execute(row, {"n": second})

    ends = await asyncio.gather(take(1, 2), take(2, 1), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "Unavailable"]


@on_postgresql
async def test_a_connection_that_is_lost_is_unavailable_once(database: Database) -> None:
    with pytest.raises(Unavailable):
        await run(database, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert await total(database) == 0


@on_postgresql
async def test_a_connection_that_is_lost_while_nobody_uses_it_is_made_anew(
    database: Database,
) -> None:
    other = Database(database.engine.url)
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    ends = f"SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE {others}"  # noqa: S608
    await run(other, ends)
    assert await total(database) == 0
    await other.engine.dispose()


@on_postgresql
async def test_an_answer_that_does_not_come_in_time_is_unavailable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "COMMAND_SECONDS", 0.05)
    hasty = Database(database.engine.url)
    with pytest.raises(Unavailable, match="TimeoutError"):
        await run(hasty, "SELECT pg_sleep(5)")
    await hasty.engine.dispose()
