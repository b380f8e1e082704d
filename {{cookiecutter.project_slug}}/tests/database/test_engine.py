"""Connections of SQLite are set, also beside others that are just being set."""

import sqlite3

import pytest

from app.database.engine import _prepare


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
