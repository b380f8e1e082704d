"""Jobs on several processes, which share a ledger."""

from collections import defaultdict
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from app.jobs import COMMANDS, every
from app.jobs import redis as module
from app.jobs.ledger import Ledger, Unavailable
from app.jobs.runner import Runner
from app.jobs.scheduler import Scheduler
from app.main import create_service
from app.service import Service
from tests.conftest import Client, Start
from tests.jobs.helpers import Ran, add, counted, told, until


async def test_each_tick_runs_once_over_all_processes(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, won = [], defaultdict[datetime, list[bool]](list)
    claim = module.Ledger.claim

    async def noted(self: module.Ledger, job: str, tick: datetime) -> bool:
        claimed = await claim(self, job, tick)
        if job == "shared":  # the project's own jobs tick, too
            won[tick].append(claimed)
        return claimed

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
