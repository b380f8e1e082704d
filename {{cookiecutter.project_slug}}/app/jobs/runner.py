"""How a job is run: once for a tick, never beside itself, and with its outcome known."""

import asyncio
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from structlog.contextvars import bound_contextvars

from app.jobs.job import Job
from app.jobs.ledger import LeaseLost, Ledger, Outcome, Overlap, Unavailable
from app.metrics import Counter, Histogram

if TYPE_CHECKING:
    from app.service import Service

LATE = timedelta(seconds=60)
"""How late a tick is still run, by a process that was held up."""
BACKOFF_SECONDS, BACKOFF_MOST = 1.0, 60.0
"""The pause before the first retry, which doubles with each, and the longest one."""
RUNS = Counter("job_runs_total", "Runs of jobs, and ticks that came to none", ["job", "status"])
RETRIES = Counter("job_retries_total", "Attempts after the first one of a run", ["job"])
SECONDS = Histogram("job_seconds", "Seconds from a run's beginning to its end", ["job"])

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Run:
    """A run that goes on; `token` is greater than that of each earlier run of the job."""

    id: str
    job: str
    tick: datetime | None
    """None where somebody has asked for the run by hand."""
    token: int


_current: ContextVar[Run] = ContextVar("run")


def current() -> Run:
    """The run that the caller is a part of; raises `LookupError` outside of one."""
    return _current.get()


class Runner:
    def __init__(self, service: "Service", ledger: Ledger) -> None:
        self._service, self._ledger = service, ledger
        self._claiming: set[str] = set()
        self._stopping = asyncio.Event()
        service.stopping.connect(lambda _: self._stopping.set())

    async def tick(self, job: Job, tick: datetime) -> None:
        """Run the job for this tick, if the tick falls to this process."""
        try:
            if await self._claim(job, tick):
                await self.run(job, tick)
        except Overlap as error:
            self._skip(job, "skipped", error)
        except Unavailable as error:
            self._skip(job, "missed", error)
        except LeaseLost:
            pass  # it has been said

    async def _claim(self, job: Job, tick: datetime) -> bool:
        """One claim at a time: those that have waited together would succeed together."""
        if job.name in self._claiming:
            raise Unavailable("it has not answered for the last tick yet")
        self._claiming.add(job.name)
        try:
            claimed = await self._ledger.claim(job.name, tick)
        finally:
            self._claiming.remove(job.name)
        if claimed and datetime.now(UTC) - job.due(tick) > LATE:  # held up before the claim, maybe
            self._skip(job, "missed", "this process was held up")
            return False
        return claimed

    def _skip(self, job: Job, status: str, reason: object) -> None:
        """Say that a tick comes to no run."""
        RUNS.labels(job.name, status).inc()
        log.warning(f"tick {status}", job=job.name, reason=str(reason))

    async def run(self, job: Job, tick: datetime | None = None) -> Outcome:
        """Run the job now, whose error is logged; raises `Overlap`, `Unavailable`, `LeaseLost`."""
        id = secrets.token_hex(8)
        with bound_contextvars(job=job.name, run_id=id):
            try:
                async with self._ledger.lease(job.name) as token:
                    with _as_current(Run(id, job.name, tick, token)):
                        return await self._run(job, token)
            except LeaseLost as error:
                log.error("job cancelled", reason=str(error))
                raise

    async def _run(self, job: Job, token: int) -> Outcome:
        at, began, status = datetime.now(UTC), time.perf_counter(), "cancelled"
        try:
            status = "ok" if await self._succeeds(job) else "failed"
        finally:
            outcome = Outcome(at, status, round(time.perf_counter() - began, 6))
            await self._keep(job, outcome, token)
        return outcome

    async def _succeeds(self, job: Job) -> bool:
        """Whether one of the attempts does; no pause before the next one puts off a drain."""
        for attempt in range(1, job.retries + 2):
            if attempt > 1:
                if await self._stops_within(backoff(attempt - 1)):
                    break
                RETRIES.labels(job.name).inc()
            if await self._attempt(job, attempt):
                return True
        return False

    async def _attempt(self, job: Job, attempt: int) -> bool:
        try:
            async with asyncio.timeout(job.timeout) as limit:
                await job(self._service)
        except (Exception, SystemExit) as error:  # a job's exit is not the service's
            if isinstance(error, TimeoutError) and limit.expired():
                log.error("job timed out", attempt=attempt, seconds=job.timeout)
            else:
                log.exception("job failed", attempt=attempt)
            return False
        return True

    async def _stops_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _keep(self, job: Job, outcome: Outcome, token: int) -> None:
        RUNS.labels(job.name, outcome.status).inc()
        SECONDS.labels(job.name).observe(outcome.seconds)
        log.info("job ended", status=outcome.status, seconds=outcome.seconds)
        try:
            await self._ledger.record(job.name, outcome, token)
        except (Unavailable, LeaseLost) as error:
            log.warning("run not recorded", reason=str(error))


def backoff(retry: int) -> float:
    """Seconds before this retry: about 1, 2, 4 and so on, as what failed together should part."""
    most = min(BACKOFF_MOST, BACKOFF_SECONDS * 2.0 ** (retry - 1))
    return most * random.uniform(0.5, 1)  # noqa: S311 - it guards nothing


@contextmanager
def _as_current(run: Run) -> Iterator[None]:
    before = _current.set(run)
    try:
        yield
    finally:
        _current.reset(before)
