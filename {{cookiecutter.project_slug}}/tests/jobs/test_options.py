"""The options of a job: its time-out, its retries and its jitter."""

import asyncio
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.jobs import cron, every, runner
from app.jobs.job import HOUR, Function, Job
from app.jobs.ledger import Ledger, Overlap
from app.jobs.runner import Runner, backoff
from app.jobs.scheduler import Scheduler
from app.service import Service
from tests.conftest import Client
from tests.jobs.helpers import counted, told, until

MONDAY = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)


async def endless(service: Service) -> None:
    await asyncio.Event().wait()


def retried(name: str) -> float:
    return REGISTRY.get_sample_value("job_retries_total", {"job": name}) or 0


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(runner, "BACKOFF_SECONDS", 0.01)


def test_a_job_may_take_an_hour_and_is_not_retried_unless_told_otherwise() -> None:
    for job in (every(minutes=5)(endless), cron("0 3 * * *")(endless)):
        assert (job.timeout, job.retries, job.jitter) == (HOUR, 0, 0)
    told = {"timeout": 60, "retries": 3, "jitter": 30}
    for job in (every(minutes=5, **told)(endless), cron("0 3 * * *", **told)(endless)):
        assert {name: getattr(job, name) for name in told} == told
    assert every(minutes=5, timeout=None)(endless).timeout is None


@pytest.mark.parametrize(
    ("decorate", "option"),
    [
        (lambda: every(minutes=5, timeout=0), "timeout"),
        (lambda: every(minutes=5, timeout=float("nan")), "timeout"),
        (lambda: every(minutes=5, retries=-1), "retries"),
        (lambda: every(minutes=5, retries=cast(int, 1.5)), "retries"),
        (lambda: every(minutes=5, jitter=-1), "jitter"),
        (lambda: every(minutes=5, jitter=301), "jitter"),
        (lambda: cron("*/5 * * * *", jitter=301), "jitter"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(
    decorate: Callable[[], Callable[[Function], Job]], option: str
) -> None:
    with pytest.raises(ValueError, match=rf"^the job endless: {option} [^\n]+$"):
        decorate()(endless)


async def test_a_run_that_takes_too_long_is_cancelled_and_failed(client: Client) -> None:
    job = every(hours=1, timeout=0.02)(endless)
    with capture_logs() as logs:
        async with asyncio.timeout(5):
            assert (await client.service.get(Runner).run(job)).status == "failed"
    (said,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (said["event"], said["seconds"], "exc_info" in said) == ("job timed out", 0.02, False)
    assert counted("endless", "failed") == 1


async def test_a_time_out_of_the_jobs_own_is_told_with_its_traceback(client: Client) -> None:
    @every(hours=1)
    async def impatient(service: Service) -> None:
        raise TimeoutError("on purpose")

    with capture_logs() as logs:
        assert (await client.service.get(Runner).run(impatient)).status == "failed"
    assert [e["event"] for e in logs if e.get("exc_info")] == ["job failed"]


async def test_a_thread_that_takes_too_long_holds_the_job_until_it_ends(client: Client) -> None:
    may_end = threading.Event()

    @every(hours=1, timeout=0.02)
    def unstoppable(service: Service) -> None:
        may_end.wait(10)

    with capture_logs() as logs:
        run = asyncio.create_task(client.service.get(Runner).run(unstoppable))
        await until(lambda: [e for e in logs if "cannot be stopped" in e["event"]])
        with pytest.raises(Overlap):
            await client.service.get(Ledger).lease("unstoppable").__aenter__()
        assert not run.done()
        may_end.set()
        assert (await run).status == "failed"
    assert counted("unstoppable", "failed") == 1


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("failures", [1, 2, 3])
async def test_a_failure_is_tried_again_within_the_same_run(client: Client, failures: int) -> None:
    tries, before = [], retried("flaky")

    @every(hours=1, retries=2)
    async def flaky(service: Service) -> None:
        tries.append("")
        if len(tries) <= failures:
            raise ZeroDivisionError("on purpose")

    with capture_logs() as logs:
        outcome = await client.service.get(Runner).run(flaky)
    assert outcome.status == ("ok" if failures <= 2 else "failed")
    attempts = [entry["attempt"] for entry in logs if entry["event"] == "job failed"]
    assert attempts == list(range(1, failures + 1))
    assert [entry["event"] for entry in logs].count("job ended") == 1
    assert retried("flaky") - before == min(failures, 2)


@pytest.mark.usefixtures("short")
async def test_a_time_out_is_tried_again_too_and_recorded_once(client: Client) -> None:
    @every(hours=1, timeout=0.01, retries=2)
    async def hanging(service: Service) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await client.service.get(Runner).tick(hanging, datetime.now(UTC))
    (record,) = await client.service.get(Ledger).records(["hanging"])
    assert (record.runs, record.failures, retried("hanging")) == (1, 1, 2)


async def test_a_drain_waits_for_no_retry(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BACKOFF_SECONDS", 60)

    @every(hours=1, retries=5)
    async def broken(service: Service) -> None:
        raise ZeroDivisionError("on purpose")

    with capture_logs() as logs:
        run = asyncio.create_task(client.service.get(Runner).run(broken))
        await until(lambda: logs)
        client.service.drain()
        assert (await asyncio.wait_for(run, 5)).status == "failed"
    assert retried("broken") == 0


def test_retries_come_ever_later_and_not_all_together() -> None:
    for retry, most in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1000, 60)]:
        pauses = {backoff(retry) for _ in range(50)}
        assert most / 2 <= min(pauses) < max(pauses) <= most


JITTERED = [
    every(minutes=5, jitter=30)(endless),
    every(minutes=5, jitter=300)(endless),
    every(seconds=0.2, jitter=0.2)(endless),
    cron("0 3 * * *", jitter=3600)(endless),
    cron("*/7 * * * 1-5", jitter=59)(endless),
]


@pytest.mark.parametrize("job", JITTERED, ids=lambda job: f"{job.schedule} {job.jitter}")
def test_jitter_keeps_every_tick_and_their_order_whenever_one_looks(job: Job) -> None:
    ticks, shares = [MONDAY], []
    for _ in range(300):
        ticks.append(job.trigger.after(ticks[-1]))
    for tick, later in itertools.pairwise(ticks):
        due = job.due(tick)
        shares.append((due - tick).total_seconds() / job.jitter)
        assert tick <= due <= later <= job.due(later)
        for moment in (due, due + (job.due(later) - due) / 2, job.due(later) - RESOLUTION):
            assert job.next(moment) == later
    assert 0 <= min(shares) < 0.1
    assert 0.9 < max(shares) < 1
    assert 0.4 < sum(shares) / len(shares) < 0.6


RESOLUTION = timedelta(microseconds=1)


def test_jitter_is_the_same_on_every_process_and_another_for_each_job() -> None:
    async def other(service: Service) -> None: ...

    decorate = every(minutes=5, jitter=30)
    assert decorate(endless).due(MONDAY) == decorate(endless).due(MONDAY)
    assert decorate(endless).due(MONDAY) != decorate(other).due(MONDAY)


async def test_the_time_that_is_told_has_the_jitter(client: Client) -> None:
    job = every(days=1, jitter=86400)(endless)
    client.service.get(Scheduler).add(job)
    due = datetime.fromisoformat((await told(client, "endless"))["next_run_at"])
    assert due == job.due(job.next(datetime.now(UTC)))
    assert due.time() != due.time().min
