"""The cache, with the same promises in memory and in Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest

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

    async def __call__(self) -> dict[str, int]:
        self.calls += 1
        await asyncio.sleep(0.01)
        if self.fails:
            raise ZeroDivisionError
        return {"call": self.calls}


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
    assert await cache.remember("key", 60, Slow()) == {"call": 1}
