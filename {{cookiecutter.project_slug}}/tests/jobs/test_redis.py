"""The ledger that processes share, and jobs on several of them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError
from structlog.testing import capture_logs

from app.jobs import COMMANDS, every
from app.jobs import redis as module
from app.jobs.ledger import LeaseLost, Ledger, Overlap, Record, Unavailable
from app.jobs.runner import LATE, Runner
from app.jobs.scheduler import Scheduler
from app.main import create_service
from app.service import Service
from tests.conftest import Client, Start
from tests.jobs.contract import LedgerContract, Pair
from tests.jobs.helpers import Ran, add, counted, told, until


@pytest.fixture
async def clients(start: Start, redis_url: str) -> AsyncIterator[list[Client]]:
    """Two services with one Redis, as two processes have."""
    async with start(REDIS_URL=redis_url) as first, start(REDIS_URL=redis_url) as second:
        yield [first, second]


class TestRedis(LedgerContract):
    @pytest.fixture
    def ledgers(self, clients: list[Client]) -> Pair:
        first, second = (client.service.get(Ledger) for client in clients)
        assert first.shared
        return first, second


async def test_each_tick_runs_once_over_all_processes(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, won = [], defaultdict[datetime, list[bool]](list)
    claim = module.Ledger.claim

    async def noted(self: module.Ledger, job: str, tick: datetime) -> bool:
        won[tick].append(await claim(self, job, tick))
        return won[tick][-1]

    @every(seconds=0.1)
    async def shared(service: Service) -> None:
        ran.append(service)

    monkeypatch.setattr(module.Ledger, "claim", noted)
    for client in clients:
        add(client, shared)
    await until(lambda: sum(len(claims) == 2 for claims in won.values()) >= 6)
    for client in clients:
        client.service.get(Scheduler).pause()
        await client.service.get(Scheduler).close(5)
    assert {sum(claims) for claims in won.values()} == {1}
    assert 0 < len(ran) <= len(won)  # a tick is skipped where the server was slow with the last
    first, second = [await told(client, "shared") for client in clients]
    assert first["runs"] == second["runs"] == len(ran)


async def test_a_tick_that_another_process_has_run_is_not_run_again(clients: list[Client]) -> None:
    ran, now = Ran(), datetime.now(UTC)
    for client in clients:
        await client.service.get(Runner).tick(ran.job, now)
    assert len(ran) == 1


async def test_every_process_tells_the_same(clients: list[Client]) -> None:
    @every(hours=1)
    async def hourly(service: Service) -> None: ...

    for client in clients:
        add(client, hourly)
    await clients[0].service.get(Runner).run(hourly)
    first, second = [(await client.get("/health/jobs")).json() for client in clients]
    assert first == second
    assert first["jobs"][-1]["runs"] == 1


async def test_a_second_process_runs_jobs_too_unless_told_not_to(
    start: Start, redis_url: str
) -> None:
    for environment, here in (({}, True), ({"JOBS": "off"}, False)):
        async with start(REDIS_URL=redis_url, INSTANCE="2", **environment) as client:
            assert client.service.get(Scheduler).here == here


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
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.6)
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


async def test_ticks_are_missed_while_the_server_is_away_and_the_service_lives_on(
    start: Start,
) -> None:
    @every(seconds=0.05)
    async def away(service: Service) -> None: ...

    async with start(REDIS_URL="redis://127.0.0.1:1/0") as client:
        with capture_logs() as logs:
            add(client, away)
            await until(lambda: counted("away", "missed") >= 2)
        assert {entry["job"] for entry in logs if entry["event"] == "tick missed"} == {"away"}
        assert counted("away", "ok") == 0
        assert (await client.get("/health/jobs")).status_code == 503
        assert (await client.get("/hello")).status_code == 200


async def test_a_run_is_no_failure_when_it_cannot_be_recorded(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    @every(hours=1)
    async def unrecorded(service: Service) -> None: ...

    async def record(*arguments: object) -> None:
        raise Unavailable("on purpose")

    monkeypatch.setattr(module.Ledger, "record", record)
    assert (await clients[0].service.get(Runner).run(unrecorded)).status == "ok"


async def test_the_command_runs_no_job_that_another_process_is_running(
    clients: list[Client],
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    async with clients[0].service.get(Ledger).lease("probe"):
        assert await COMMANDS["job"](create_service(), ["probe"]) == 1
    assert capsys.readouterr().err == "probe: the job is running already\n"


async def test_the_command_says_in_one_line_that_the_server_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert await COMMANDS["job"](create_service(), ["probe"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("probe: the ledger cannot be reached: ")
