"""Throttling and session ends across processes."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest
from redis.asyncio import Redis
from redis.exceptions import TimeoutError as RedisTimeout
from structlog.testing import capture_logs

from app.auth.redis import Revocations
from app.auth.throttle import Throttle
from tests.auth.counting import lets_so_many_through_and_tells_how_long_to_wait
from tests.auth.people import is_logged_in, join, login
from tests.conftest import Client, Start


def listen(client: Client) -> asyncio.Queue[str]:
    """The ids of the sessions whose end this service is told from now on."""
    ended = asyncio.Queue[str]()
    client.service.session_ended.connect(ended.put_nowait)
    return ended


async def test_counts_in_redis(start: Start, redis_url: str) -> None:
    async with start(REDIS_URL=redis_url) as client:
        await lets_so_many_through_and_tells_how_long_to_wait(client.service.get(Throttle))
        for key in await client.service.get(Redis).keys("auth:throttle:*"):
            assert 0 < await client.service.get(Redis).ttl(key) <= 60


async def test_processes_count_together(start: Start, redis_url: str) -> None:
    environment = {"REDIS_URL": redis_url, "AUTH_ATTEMPTS_PER_ACCOUNT": "2"}
    async with start(**environment) as one, start(**environment) as other:
        tried = [(await login(client)).status_code for client in (one, other, one)]
    assert tried == [401, 401, 429]


async def test_without_redis_each_process_counts_alone(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.redis.READY_SECONDS", 0.05)
    environment = {"REDIS_URL": "redis://127.0.0.1:1/0", "AUTH_ATTEMPTS_PER_ACCOUNT": "1"}
    async with start(**environment) as client:
        await join(client)
        assert [(await login(client)).status_code for _ in range(2)] == [200, 429]
        assert (await client.post("/auth/logout")).status_code == 204


async def test_a_logout_is_told_to_every_process_once(start: Start, redis_url: str) -> None:
    async with start(REDIS_URL=redis_url) as one, start(REDIS_URL=redis_url) as other:
        here, there = listen(one), listen(other)
        await join(one)
        await login(one)
        other.cookies.set("session", one.cookies["session"])
        assert await is_logged_in(other)
        await one.post("/auth/logout")
        ended = await asyncio.wait_for(there.get(), 2)
        assert not await is_logged_in(other)
        assert (here.get_nowait(), here.empty(), there.empty()) == (ended, True, True)


def unsure(client: Client) -> asyncio.Event:
    """Set when this service is told that session ends may have been missed."""
    event = asyncio.Event()
    client.service.sessions_unsure.connect(lambda _: event.set())
    return event


async def test_hears_again_and_says_that_it_may_have_missed_some(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.redis.FIRST_SECONDS", 0.01)
    async with start(REDIS_URL=redis_url) as one, start(REDIS_URL=redis_url) as other:
        here, there, missed = listen(one), listen(other), unsure(other)
        await join(one)
        await login(one)
        assert not missed.is_set()
        await one.service.get(Redis).client_kill_filter(_type="normal")
        await asyncio.wait_for(missed.wait(), 5)
        await one.post("/auth/logout")
        assert await asyncio.wait_for(there.get(), 5) == here.get_nowait()


async def test_a_session_that_ended_unheard_is_not_taken_for_alive(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.sessions.CACHE_SECONDS", 60)
    async with start(REDIS_URL=redis_url) as one, start(REDIS_URL=redis_url) as other:
        await join(one)
        await login(one)
        other.cookies.set("session", one.cookies["session"])
        assert await is_logged_in(other)
        monkeypatch.setattr(Revocations, "announce", AsyncMock())
        await one.post("/auth/logout")
        assert await is_logged_in(other)
        other.service.sessions_unsure.send(None)
        assert not await is_logged_in(other)


async def test_what_could_not_be_told_is_told_later(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.redis.BLOCK_MS", 20)
    async with start(REDIS_URL=redis_url) as one, start(REDIS_URL=redis_url) as other:
        there, add = listen(other), one.service.get(Redis).xadd
        failed = list[object]()

        async def fail_once(*arguments: Any, **options: Any) -> Any:
            if failed:
                return await add(*arguments, **options)
            failed.append(arguments)
            raise RedisTimeout

        monkeypatch.setattr(one.service.get(Redis), "xadd", fail_once)
        await join(one)
        await login(one)
        await one.post("/auth/logout")
        assert await asyncio.wait_for(there.get(), 5)
    assert failed


async def test_more_at_once_than_the_stream_keeps_may_have_lost_some(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.redis.KEPT", 3)
    async with start(REDIS_URL=redis_url) as client:
        missed = unsure(client)
        async with client.service.get(Redis).pipeline(transaction=True) as pipe:
            for session in ("one", "two", "three"):
                pipe.xadd("auth:ended", {"by": "another", "session": session})
            await pipe.execute()
        await asyncio.wait_for(missed.wait(), 5)


async def test_a_receiver_that_fails_does_not_deafen_us(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.redis.FIRST_SECONDS", 0.01)
    with capture_logs() as logs:
        async with start(REDIS_URL=redis_url) as client:
            heard, missed = set[str](), unsure(client)

            def fail(session: str) -> None:
                if session.startswith("bad"):
                    raise ZeroDivisionError

            client.service.session_ended.connect(heard.add)
            client.service.session_ended.connect(fail)
            async with asyncio.timeout(5):
                for session in ("bad 1", "good 1", "bad 2", "good 2"):
                    while session not in heard:
                        entry: Any = {"by": "another", "session": session}
                        await client.service.get(Redis).xadd("auth:ended", entry)
                        await asyncio.sleep(0.01)
            assert missed.is_set()
    warnings = [entry for entry in logs if "not hearing" in entry["event"]]
    assert len(warnings) > 1
    assert warnings[0]["exc_info"]


async def test_an_outage_is_one_warning(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.redis.READY_SECONDS", 0.01)
    monkeypatch.setattr("app.auth.redis.FIRST_SECONDS", 0.001)
    tried = asyncio.Semaphore(0)

    async def fail(*arguments: object, **options: object) -> None:
        tried.release()
        raise RedisTimeout("away")

    monkeypatch.setattr(Redis, "xrevrange", fail)
    with capture_logs() as logs:
        async with asyncio.timeout(5), start(REDIS_URL="redis://127.0.0.1:1/0"):
            for _ in range(5):
                await tried.acquire()
    assert [entry["error"] for entry in logs if "not hearing" in entry["event"]] == ["away"]


async def test_ends_also_when_the_client_loses_the_cancelling(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = list[bool]()

    async def read(*arguments: object, **options: object) -> list[Any]:
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            if lost:
                raise
            lost.append(True)
        return []

    monkeypatch.setattr("app.auth.redis.READY_SECONDS", 0.01)
    monkeypatch.setattr(Redis, "xread", read)
    async with asyncio.timeout(5), start(REDIS_URL=redis_url):
        pass
    assert lost
