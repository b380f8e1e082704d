"""The cache, with the same promises in memory and in Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError
from structlog.testing import capture_logs

from app.redis.cache import Cache
from tests.conftest import Start


@pytest.fixture(params=["memory", "redis"])
async def cache(
    request: pytest.FixtureRequest, start: Start, redis_url: str
) -> AsyncIterator[Cache]:
    async with start(REDIS_URL=redis_url if request.param == "redis" else "") as client:
        yield client.service.get(Cache)


class Slow:
    """Counts its computations, each of which takes a turn of the loop."""

    def __init__(self, fails: bool = False) -> None:
        self.calls, self.fails = 0, fails
        self.began = asyncio.Event()

    async def __call__(self) -> dict[str, int]:
        self.calls += 1
        self.began.set()
        call = self.calls
        await asyncio.sleep(0.01)
        if self.fails:
            raise ZeroDivisionError
        return {"call": call}


async def test_remembers(cache: Cache) -> None:
    slow = Slow()
    assert [await cache.remember("key", 60, slow) for _ in range(3)] == [{"call": 1}] * 3


async def test_computes_once_for_all_who_ask_at_once(cache: Cache) -> None:
    slow = Slow()
    await asyncio.gather(*(cache.remember("key", 60, slow) for _ in range(20)))
    assert slow.calls == 1


async def test_forgets_when_told_and_when_time_is_up(cache: Cache) -> None:
    slow = Slow()
    await cache.remember("key", 60, slow)
    await cache.forget("key")
    assert await cache.remember("key", 0.001, slow) == {"call": 2}
    await asyncio.sleep(0.01)
    assert await cache.remember("key", 60, slow) == {"call": 3}


async def test_an_error_is_raised_and_not_remembered(cache: Cache) -> None:
    with pytest.raises(ZeroDivisionError):
        await cache.remember("key", 60, Slow(fails=True))
    async with asyncio.timeout(2):  # less than a claim lasts
        assert await cache.remember("key", 60, Slow()) == {"call": 1}


@pytest.mark.parametrize("ttl", [0, -1, float("nan")])
async def test_a_value_must_be_kept_for_some_time(cache: Cache, ttl: float) -> None:
    with pytest.raises(ValueError, match="some time"):
        await cache.remember("key", ttl, Slow())


async def test_an_error_is_raised_to_all_who_waited(cache: Cache) -> None:
    slow = Slow(fails=True)
    asked = (cache.remember("key", 60, slow) for _ in range(5))
    raised = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in raised] == [ZeroDivisionError] * 5
    assert slow.calls == 1


async def test_goes_on_when_the_first_who_asked_no_longer_waits(cache: Cache) -> None:
    slow = Slow()
    first, second = (asyncio.create_task(cache.remember("key", 60, slow)) for _ in range(2))
    await slow.began.wait()
    first.cancel()
    assert (await second, slow.calls) == ({"call": 1}, 1)


async def test_what_is_forgotten_while_it_is_computed_is_not_kept(cache: Cache) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def old() -> str:
        began.set()
        await go_on.wait()
        return "old"

    asked = asyncio.create_task(cache.remember("key", 60, old))
    await began.wait()
    await cache.forget("key")
    assert await cache.remember("key", 60, Slow()) == {"call": 1}
    go_on.set()
    assert await asked == "old"
    assert await cache.remember("key", 60, Slow()) == {"call": 1}


async def test_processes_compute_once_however_long_it_takes(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.redis.redis.LEASE_SECONDS", 0.3)
    calls = []

    async def compute() -> int:
        calls.append(1)
        await asyncio.sleep(0.7)
        return len(calls)

    async with start(REDIS_URL=redis_url) as one, start(REDIS_URL=redis_url) as other:
        caches = [client.service.get(Cache) for client in (one, other)]
        asked = (cache.remember("key", 60, compute) for cache in caches * 2)
        assert await asyncio.gather(*asked) == [1] * 4


async def test_who_died_while_computing_keeps_others_waiting_for_its_lease(
    start: Start, redis_url: str
) -> None:
    async with start(REDIS_URL=redis_url) as client:
        await client.service.get(Redis).set("cache:key", "claim of the dead", px=100)
        assert await client.service.get(Cache).remember("key", 60, Slow()) == {"call": 1}


async def test_one_of_those_who_wait_in_a_process_asks_for_all(
    start: Start, redis_url: str
) -> None:
    async with start(REDIS_URL=redis_url) as client:
        redis, cache = client.service.get(Redis), client.service.get(Cache)
        await redis.set("cache:key", "claim of another", px=200)
        asked = (cache.remember("key", 60, Slow()) for _ in range(200))
        assert await asyncio.gather(*asked) == [{"call": 1}] * 200
        counts = client.service.get(Redis).connection_pool.get_connection_count()
        assert sum(count for count, _ in counts) < 10


async def test_without_a_server_it_computes_each_time_and_logs_that_once(start: Start) -> None:
    slow = Slow()
    async with start(REDIS_URL="redis://127.0.0.1:1/0") as client:
        cache = client.service.get(Cache)
        with capture_logs() as logs:
            for call in (1, 2):
                assert await cache.remember("key", 60, slow) == {"call": call}
            await cache.forget("key")
        assert [entry["event"] for entry in logs].count("cache failed") == 3


@pytest.mark.parametrize("error", [ZeroDivisionError, ConnectionError, OSError])
async def test_without_a_server_an_error_of_the_computation_is_raised(
    start: Start, error: type[Exception]
) -> None:
    calls = []

    async def fail() -> None:
        calls.append(1)
        raise error

    async with start(REDIS_URL="redis://127.0.0.1:1/0") as client:
        with pytest.raises(error):
            await client.service.get(Cache).remember("key", 60, fail)
    assert len(calls) == 1


async def test_what_was_computed_is_given_though_the_server_has_gone_meanwhile(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow()
    async with start(REDIS_URL=redis_url) as client:

        async def gone(*arguments: object, **options: object) -> None:
            raise ConnectionError

        async def compute() -> dict[str, int]:
            monkeypatch.setattr(client.service.get(Redis), "eval", gone)
            return await slow()

        assert await client.service.get(Cache).remember("key", 60, compute) == {"call": 1}
