"""The end of a session is heard by every process, once, whatever happens on the way."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app.auth import revocations
from app.auth.revocations import Revocations
from tests.auth.people import is_logged_in, join, login
from tests.conftest import Client, Start


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocations, "EVERY_SECONDS", 0.02)


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Nothing is heard while this is not set."""
    event, recent = asyncio.Event(), Revocations._recent

    async def heard(self: Revocations) -> object:
        if event.is_set():
            return await recent(self)
        raise OperationalError("", {}, OSError("on purpose"))

    monkeypatch.setattr(Revocations, "_recent", heard)
    return event


def listen(client: Client) -> asyncio.Queue[str]:
    """The ids of the sessions whose end this service is told from now on."""
    ended = asyncio.Queue[str]()
    client.service.session_ended.connect(ended.put_nowait)
    return ended


async def log_in_at(one: Client, other: Client) -> None:
    """Log in at one process, and use the session at the other."""
    await join(one)
    await login(one)
    other.cookies.set("session", one.cookies["session"])
    assert await is_logged_in(other)


async def heard(ended: asyncio.Queue[str]) -> str:
    return await asyncio.wait_for(ended.get(), 5)


async def test_a_logout_is_told_to_every_process_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.sessions.CACHE_SECONDS", 60)
    async with start() as one, start() as other:
        here, there = listen(one), listen(other)
        await log_in_at(one, other)
        await one.post("/auth/logout")
        ended = here.get_nowait()
        assert await heard(there) == ended
        assert not await is_logged_in(other)
        await join(one, "eve@example.com")
        await login(one, "eve@example.com")
        await one.post("/auth/logout")
        assert await heard(there) != ended  # and so the first has not been told again
        assert (here.qsize(), there.qsize()) == (1, 0)


async def test_it_is_the_same_on_postgresql(start: Start, postgres_url: str) -> None:
    async with start(DATABASE_URL=postgres_url) as one, start(DATABASE_URL=postgres_url) as other:
        there = listen(other)
        await log_in_at(one, other)
        await one.post("/auth/logout")
        await heard(there)
        assert not await is_logged_in(other)


async def test_what_ended_while_nothing_was_heard_is_heard_later(
    start: Start, deaf: asyncio.Event
) -> None:
    with capture_logs() as logs:
        async with start() as one, start() as other:
            there = listen(other)
            await log_in_at(one, other)
            await one.post("/auth/logout")
            await asyncio.sleep(0.1)
            assert there.empty()
            deaf.set()
            await heard(there)
    told = [entry for entry in logs if entry["event"] == "not hearing of session ends"]
    assert len(told) == 2, "an outage is one line a process"


async def test_who_has_not_heard_for_long_is_unsure(
    start: Start, deaf: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "MISSED_SECONDS", 0.05)
    async with start() as client:
        unsure = asyncio.Event()
        client.service.sessions_unsure.connect(lambda _: unsure.set())
        await asyncio.sleep(0.1)
        deaf.set()
        await asyncio.wait_for(unsure.wait(), 5)


async def test_a_receiver_that_fails_does_not_keep_the_next_end_from_being_heard(
    start: Start,
) -> None:
    async with start() as one, start() as other:
        there, failed = listen(other), list[str]()

        def fail(ended: str) -> None:
            failed.append(ended)
            raise ZeroDivisionError

        other.service.session_ended.connect(fail)
        for number in range(2):
            await join(one, f"{number}@example.com")
            await login(one, f"{number}@example.com")
            await one.post("/auth/logout")
            await heard(there)
        assert len(failed) == 2


async def test_old_ends_are_deleted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await join(client)
    await login(client)
    await client.post("/auth/logout")
    seen = client.service.get(Revocations)
    assert len(await seen._recent()) == 1
    monkeypatch.setattr("app.auth.sessions.KEPT", timedelta(seconds=-1))
    for tidy in client.service.housekeeping:
        await tidy()
    assert await seen._recent() == []
