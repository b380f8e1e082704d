"""Throttling and session ends across processes."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import TimeoutError as RedisTimeout
from structlog.testing import capture_logs

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
        for key in await client.service.get(Redis).keys():
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


async def test_hears_again_after_redis_was_away(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.redis.FIRST_SECONDS", 0.01)
    async with start(REDIS_URL=redis_url) as one, start(REDIS_URL=redis_url) as other:
        client, there = one.service.get(Redis), listen(other)
        await client.client_kill_filter(_type="pubsub")
        async with asyncio.timeout(2):
            while (await client.pubsub_numsub("auth:ended"))[0][1] < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await join(one)
        await login(one)
        await one.post("/auth/logout")
        assert await asyncio.wait_for(there.get(), 2)


async def test_a_receiver_that_fails_does_not_deafen_us(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.redis.FIRST_SECONDS", 0.01)
    with capture_logs() as logs:
        async with start(REDIS_URL=redis_url) as client:
            heard, publish = set[str](), client.service.get(Redis).publish

            def fail(session: str) -> None:
                if session.startswith("bad"):
                    raise ZeroDivisionError

            client.service.session_ended.connect(heard.add)
            client.service.session_ended.connect(fail)
            async with asyncio.timeout(5):
                for session in ("bad 1", "good 1", "bad 2", "good 2"):
                    while session not in heard:
                        await publish("auth:ended", f"another {session}")
                        await asyncio.sleep(0.01)
    warnings = [entry for entry in logs if "not hearing" in entry["event"]]
    assert len(warnings) > 1
    assert warnings[0]["exc_info"]


async def test_silence_is_no_outage_for_a_client_that_waits_for_so_long_only(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = PubSub.parse_response

    async def like_older_clients(channel: PubSub, block: bool, **more: Any) -> Any:
        if block:
            raise RedisTimeout
        return await parse(channel, block, **more)

    monkeypatch.setattr(PubSub, "parse_response", like_older_clients)
    monkeypatch.setattr("app.auth.redis.QUIET_SECONDS", 0.01)
    with capture_logs() as logs:
        async with start(REDIS_URL=redis_url) as client:
            ended, publish = listen(client), client.service.get(Redis).publish
            await asyncio.sleep(0.05)
            await publish("auth:ended", "another session")
            assert await asyncio.wait_for(ended.get(), 2) == "session"
    assert not [entry for entry in logs if "not hearing" in entry["event"]]


async def test_an_outage_is_one_warning(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.redis.READY_SECONDS", 0.01)
    monkeypatch.setattr("app.auth.redis.FIRST_SECONDS", 0.001)
    tried = asyncio.Semaphore(0)

    async def subscribe(channel: PubSub, name: str) -> None:
        tried.release()
        raise RedisTimeout("away")

    monkeypatch.setattr(PubSub, "subscribe", subscribe)
    with capture_logs() as logs:
        async with asyncio.timeout(2), start(REDIS_URL="redis://127.0.0.1:1/0"):
            for _ in range(5):
                await tried.acquire()
    assert [entry["error"] for entry in logs if "not hearing" in entry["event"]] == ["away"]


async def test_ends_also_when_the_client_loses_the_cancelling(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = list[bool]()

    async def get_message(channel: PubSub, **how: float) -> None:
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            if lost:
                raise
            lost.append(True)

    monkeypatch.setattr("app.auth.redis.READY_SECONDS", 0.01)
    monkeypatch.setattr(PubSub, "get_message", get_message)
    async with asyncio.timeout(5), start(REDIS_URL=redis_url):
        pass
    assert lost
