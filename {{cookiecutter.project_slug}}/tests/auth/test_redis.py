"""Throttling across processes."""

from redis.asyncio import Redis

from app.throttle import Throttle
from tests.auth.counting import lets_so_many_through_and_tells_how_long_to_wait
from tests.auth.people import join, login
from tests.conftest import Start


async def test_counts_in_redis(start: Start, redis_url: str) -> None:
    async with start(REDIS_URL=redis_url) as client:
        await lets_so_many_through_and_tells_how_long_to_wait(client.service.get(Throttle))
        for key in await client.service.get(Redis).keys("throttle:*"):
            assert 0 < await client.service.get(Redis).ttl(key) <= 60


async def test_processes_count_together(start: Start, redis_url: str) -> None:
    environment = {"REDIS_URL": redis_url, "AUTH_ATTEMPTS_PER_ACCOUNT": "2"}
    async with start(**environment) as one, start(**environment) as other:
        tried = [(await login(client)).status_code for client in (one, other, one)]
    assert tried == [401, 401, 429]


async def test_without_redis_each_process_counts_alone(start: Start) -> None:
    environment = {"REDIS_URL": "redis://127.0.0.1:1/0", "AUTH_ATTEMPTS_PER_ACCOUNT": "1"}
    async with start(**environment) as client:
        await join(client)
        tried = [(await login(client, password="a wrong one")).status_code for _ in range(2)]
        assert tried == [401, 429]
        assert (await client.post("/auth/logout")).status_code == 204
