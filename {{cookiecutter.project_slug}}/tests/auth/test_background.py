"""What has expired is deleted at each start, beside the requests."""

import asyncio

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.auth.sessions import Sessions
from app.database import Database
from app.main import create_service
from tests.auth.people import join, login
from tests.conftest import Client, Start


async def sessions(client: Client) -> int:
    async with client.service.get(Database).reading() as session:
        return int(await session.scalar(text("SELECT count(*) FROM sessions")) or 0)


async def test_a_start_deletes_what_has_expired(start: Start) -> None:
    async with start() as client:
        await join(client)
        await login(client)
        async with client.service.get(Database).writing() as session:
            await session.execute(text("UPDATE sessions SET idle_expires_at = '2020-01-01'"))
        assert await sessions(client) == 1
    async with start() as client, asyncio.timeout(5):
        while await sessions(client):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_that_this_fails_is_logged_and_no_more(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Sessions) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Sessions, "delete_expired", fail)
    with capture_logs() as logs:
        async with start() as client:
            assert (await client.get("/hello")).status_code == 200
    assert [entry["error"] for entry in logs if entry["event"] == "not tidied up"] == ["oh"]


async def test_it_ends_with_the_service_and_is_not_for_commands(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()

    async def take_long(_: Sessions) -> None:
        told.append("began")
        try:
            await asyncio.sleep(60)
        finally:
            told.append("ended")

    monkeypatch.setattr(Sessions, "delete_expired", take_long)
    async with create_service().running():
        await asyncio.sleep(0.01)
    assert told == []
    async with start() as client:
        assert (await client.get("/hello")).status_code == 200
        assert told == ["began"]
    assert told == ["began", "ended"]
