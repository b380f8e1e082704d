"""How a job is run: once for a tick, never beside itself, and with its outcome known."""

import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Histogram
from structlog.contextvars import bound_contextvars

from app.jobs.job import Job
from app.jobs.ledger import LeaseLost, Ledger, Overlap, Run, Unavailable

if TYPE_CHECKING:
    from app.service import Service

LATE = timedelta(seconds=60)
"""How late a tick is still run, by a process that was held up."""
RUNS = Counter("job_runs_total", "Runs of jobs, and ticks that came to none", ["job", "status"])
SECONDS = Histogram("job_seconds", "Seconds from a run's beginning to its end", ["job"])

log = structlog.get_logger()


class Runner:
    def __init__(self, service: "Service", ledger: Ledger) -> None:
        self._service, self._ledger = service, ledger

    async def tick(self, job: Job, tick: datetime) -> None:
        """Run the job for this tick, if the tick falls to this process."""
        try:
            if datetime.now(UTC) - tick > LATE:
                self.skip(job, "missed", "this process was held up")
            elif await self._ledger.claim(job.name, tick):
                await self.run(job)
        except Overlap as error:
            self.skip(job, "skipped", str(error))
        except Unavailable as error:
            self.skip(job, "missed", str(error))
        except LeaseLost as error:
            log.error("job cancelled", job=job.name, reason=str(error))

    def skip(self, job: Job, status: str, reason: str) -> None:
        """Say that a tick comes to no run."""
        RUNS.labels(job.name, status).inc()
        log.warning(f"tick {status}", job=job.name, reason=reason)

    async def run(self, job: Job) -> Run:
        """Run the job now, whose error is logged; raises `Overlap`, `Unavailable`, `LeaseLost`."""
        with bound_contextvars(job=job.name, run_id=secrets.token_hex(8)):
            async with self._ledger.lease(job.name):
                return await self._run(job)

    async def _run(self, job: Job) -> Run:
        at, began, status = datetime.now(UTC), time.perf_counter(), "cancelled"
        try:
            await job(self._service)
            status = "ok"
        except (Exception, SystemExit):  # a job's exit is not the service's
            status = "failed"
            log.exception("job failed")
        finally:
            run = Run(at, status, round(time.perf_counter() - began, 6))
            await self._keep(job, run)
        return run

    async def _keep(self, job: Job, run: Run) -> None:
        RUNS.labels(job.name, run.status).inc()
        SECONDS.labels(job.name).observe(run.seconds)
        log.info("job ended", status=run.status, seconds=run.seconds)
        try:
            await self._ledger.record(job.name, run)
        except Unavailable as error:
            log.warning("run not recorded", reason=str(error))
