"""Jobs on the clock of a running service."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from app import jobs
from app.jobs import every
from app.jobs.runner import Runner
from app.jobs.scheduler import Scheduler
from app.main import create_service
from app.service import Service
from tests.conftest import Client, Start
from tests.jobs.helpers import Ran, add, counted, told, until

STATE = {
    "name",
    "schedule",
    "last_run_at",
    "last_status",
    "last_seconds",
    "next_run_at",
    "runs",
    "failures",
}
"""The members of each job in the answer of `/health/jobs`."""


async def test_a_job_that_has_not_run_says_so(client: Client) -> None:
    @every(weeks=500)
    def rare(service: Service) -> None: ...

    add(client, rare)
    state = await told(client, "rare")
    assert set(state) == STATE
    assert (state["schedule"], state["runs"], state["failures"]) == ("every 500 weeks", 0, 0)
    assert (state["last_run_at"], state["last_status"], state["last_seconds"]) == (None,) * 3


async def test_a_job_runs_tick_after_tick_and_is_told(client: Client) -> None:
    ran = Ran()
    add(client, ran.job)
    await until(lambda: len(ran) >= 3)
    state = await told(client, "noted")
    assert (state["last_status"], state["failures"]) == ("ok", 0)
    assert state["runs"] >= 2
    assert 0 <= state["last_seconds"] < 5
    last, due = (datetime.fromisoformat(state[name]) for name in ("last_run_at", "next_run_at"))
    assert last < due
    assert due.microsecond % 20_000 == 0


async def test_probes_ask_by_any_host_name(client: Client) -> None:
    answer = await client.get("/health/jobs", headers={"Host": "10.0.0.1"})
    assert answer.status_code == 200


async def test_says_soon_that_the_ledger_hangs(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(Scheduler, "overview", lambda scheduler: asyncio.sleep(60))
    answer = await asyncio.wait_for(client.get("/health/jobs"), 2)
    assert answer.status_code == 503


async def test_a_failure_is_logged_and_counted_and_the_next_run_goes_on(client: Client) -> None:
    contexts = []

    @every(seconds=0.05)
    def failing(service: Service) -> None:
        contexts.append(get_contextvars())
        raise ZeroDivisionError("on purpose")

    with capture_logs() as logs:
        add(client, failing)
        await until(lambda: counted("failing", "failed") >= 2)
    assert all(e["exc_info"] for e in logs if e["event"] == "job failed")
    assert {context["job"] for context in contexts} == {"failing"}
    assert len({context["run_id"] for context in contexts}) == len(contexts)
    state = await told(client, "failing")
    assert (state["last_status"], state["failures"] >= 1) == ("failed", True)
    assert 'job_seconds_count{job="failing"}' in (await client.get("/metrics")).text


async def test_a_job_that_exits_does_not_end_the_service(client: Client) -> None:
    @every(seconds=0.05)
    def exiting(service: Service) -> None:
        raise SystemExit(3)

    add(client, exiting)
    await until(lambda: counted("exiting", "failed") >= 1)
    assert (await client.get("/hello")).status_code == 200


async def test_a_job_never_overlaps_itself(client: Client) -> None:
    running, most, may_end = 0, 0, asyncio.Event()

    @every(seconds=0.02)
    async def slow(service: Service) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await may_end.wait()
        running -= 1

    add(client, slow)
    await until(lambda: counted("slow", "skipped") >= 3)
    may_end.set()
    await until(lambda: counted("slow", "ok") >= 2)
    assert most == 1


@pytest.mark.parametrize(
    ("environment", "runs"),
    [
        ({}, True),
        ({"INSTANCE": "2"}, False),
        ({"INSTANCE": "0"}, False),
        ({"INSTANCE": "2", "JOBS": "On"}, True),
        ({"JOBS": "OFF"}, False),
    ],
)
async def test_jobs_run_where_the_settings_say(
    start: Start, environment: dict[str, str], runs: bool
) -> None:
    ran, clock = Ran(), Ran()
    async with start() as other, start(**environment) as client:
        add(client, ran.job)
        add(other, clock.job)
        await until(lambda: len(clock) >= 3)
        assert bool(ran) == runs
        assert bool((await told(client, "noted"))["next_run_at"]) == runs


async def test_jobs_run_only_while_the_service_serves(start: Start) -> None:
    """Other commands start the features too."""
    ran, clock, idle = Ran(), Ran(), create_service()
    async with idle.running(), start() as other:
        idle.get(Scheduler).add(ran.job)
        add(other, clock.job)
        await until(lambda: len(clock) >= 3)
    assert not ran


async def test_a_tick_that_is_late_is_missed(client: Client) -> None:
    ran, now = Ran(), datetime.now(UTC)
    await client.service.get(Runner).tick(ran.job, now - timedelta(seconds=61))
    assert not ran
    await client.service.get(Runner).tick(ran.job, now - timedelta(seconds=50))
    assert ran
