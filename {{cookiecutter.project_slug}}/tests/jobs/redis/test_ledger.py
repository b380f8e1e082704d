"""The ledger that processes share: its leases and its claims."""

import asyncio
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError

from app.jobs import every
from app.jobs import redis as module
from app.jobs.ledger import LeaseLost, Ledger, Overlap, Record, Unavailable
from app.jobs.runner import LATE, Runner
from app.jobs.scheduler import Scheduler
from app.service import Service
from tests.conftest import Client
from tests.jobs.contract import LedgerContract, Pair
from tests.jobs.helpers import Ran, add, counted, told, until


class TestRedis(LedgerContract):
    @pytest.fixture
    def ledgers(self, clients: list[Client]) -> Pair:
        first, second = (client.service.get(Ledger) for client in clients)
        assert first.shared
        return first, second


async def test_a_lease_is_kept_for_as_long_as_the_run(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.6)
    first, second = (client.service.get(Ledger) for client in clients)
    end = asyncio.get_running_loop().time() + 0.75
    async with first.lease("job"):
        while asyncio.get_running_loop().time() < end:
            with pytest.raises(Overlap):
                await second.lease("job").__aenter__()
            await asyncio.sleep(0.02)


async def test_a_lease_is_renewed_again_after_that_has_failed(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 2.0)
    tries, run = [], module.Ledger._run
    errors = {1: OSError, 3: ConnectionError}

    async def interrupted(self: module.Ledger, script: str, job: str, *rest: str | float) -> int:
        tries.append(script)
        if error := errors.get(tries.count(module.RENEW) if script == module.RENEW else 0):
            raise Unavailable(error)
        return await run(self, script, job, *rest)

    monkeypatch.setattr(module.Ledger, "_run", interrupted)
    async with clients[0].service.get(Ledger).lease("job"):
        await until(lambda: tries.count(module.RENEW) >= 4)


@every(hours=1)
async def losing(service: Service) -> None:
    await asyncio.Event().wait()


async def test_a_run_whose_lease_is_lost_is_cancelled_and_not_recorded(
    clients: list[Client], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.6)
    run = asyncio.create_task(clients[0].service.get(Runner).run(losing))
    async with Redis.from_url(redis_url) as redis:
        await until_there(redis, "jobs:{losing}:lease")
        await redis.delete("jobs:{losing}:lease")
        async with clients[1].service.get(Ledger).lease("losing"):
            with pytest.raises(LeaseLost):
                await asyncio.wait_for(run, 5)
            assert await redis.exists("jobs:{losing}:lease")  # the new one is not released
    assert counted("losing", "cancelled") == 1
    assert (await told(clients[1], "probe"))["runs"] == 0
    assert await clients[1].service.get(Ledger).records(["losing"]) == [Record()]


async def until_there(redis: Redis, key: str) -> None:
    async with asyncio.timeout(5):
        while not await redis.exists(key):  # noqa: ASYNC110 - the server's
            await asyncio.sleep(0.005)


async def test_a_server_that_has_forgotten_all_ends_no_run_and_gives_greater_tokens(
    clients: list[Client], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.6)
    first, second = (client.service.get(Ledger) for client in clients)
    async with Redis.from_url(redis_url) as redis, first.lease("job") as before:
        await redis.flushall()
        await until_there(redis, "jobs:{job}:lease")
        with pytest.raises(Overlap):
            await second.lease("job").__aenter__()
        await redis.flushall()
        async with second.lease("job") as after:
            assert after > before


async def test_claims_are_kept_as_long_as_a_tick_may_be_late_and_clocks_may_differ(
    clients: list[Client], redis_url: str
) -> None:
    tick = datetime(2024, 1, 1, tzinfo=UTC)
    assert await clients[0].service.get(Ledger).claim("job", tick)
    async with Redis.from_url(redis_url) as redis:
        left = await redis.ttl(f"jobs:{{job}}:tick:{tick.isoformat()}")
    assert 2 * LATE.total_seconds() < left <= 3 * LATE.total_seconds()


async def test_claims_that_wait_for_a_hanging_server_do_not_pile_up(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would all succeed when it goes on."""
    answer, claims, ran = asyncio.Event(), [], Ran()

    async def claim(self: module.Ledger, job: str, tick: datetime) -> bool:
        claims.append(tick)
        await answer.wait()
        return True

    monkeypatch.setattr(module.Ledger, "claim", claim)
    add(clients[0], ran.job)
    await until(lambda: counted("noted", "missed") >= 3)
    assert len(claims) == 1
    clients[0].service.get(Scheduler).pause()
    answer.set()
    await until(lambda: ran)
    assert len(ran) == 1
