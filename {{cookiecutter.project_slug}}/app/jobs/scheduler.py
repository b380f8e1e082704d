"""The clock of the jobs: each is handed to the runner at its ticks."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from app.jobs.job import Job
from app.jobs.ledger import Ledger
from app.jobs.runner import LATE, Runner

LOOK_SECONDS = 5.0
"""How long it sleeps at most: the clock of the machine may be set while it does."""
CANCEL_SECONDS = 2.0
"""How long a cancelled run may take to end."""


class Scheduler:
    """Knows the jobs, and runs each when it is due, from `start` until `pause`."""

    def __init__(self, runner: Runner, ledger: Ledger, here: bool) -> None:
        self._runner, self._ledger, self.here = runner, ledger, here
        self.jobs: dict[str, Job] = {}
        self._started = False
        self._clocks: list[asyncio.Task[None]] = []
        self._runs: set[asyncio.Task[None]] = set()

    def add(self, job: Job) -> None:
        """Run this job too."""
        self.jobs[job.name] = job
        if self._started:
            self._clocks.append(asyncio.create_task(self._follow(job)))

    def start(self) -> None:
        self._started = self.here
        for job in list(self.jobs.values()):
            self.add(job)

    def pause(self) -> None:
        """Start no more runs."""
        self._started = False
        while self._clocks:
            self._clocks.pop().cancel()

    async def _follow(self, job: Job) -> None:
        """Hand each tick to the runner, and look at the clock anew after each sleep."""
        tick = job.next(_now())
        while True:
            seconds = (job.due(tick) - _now()).total_seconds()
            await asyncio.sleep(min(seconds, LOOK_SECONDS))
            now = _now()
            if job.due(tick) <= now:
                self._begin(job, _newest(job, tick, now))
            tick = job.next(now)

    def _begin(self, job: Job, tick: datetime) -> None:
        run = asyncio.create_task(self._runner.tick(job, tick))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def close(self, seconds: float) -> None:
        """Let the runs under way end in so many seconds, and cancel the others."""
        self.pause()
        await self._wait(seconds)
        for run in self._runs:
            run.cancel()
        await self._wait(CANCEL_SECONDS)

    async def _wait(self, seconds: float) -> None:
        if self._runs:
            await asyncio.wait(self._runs, timeout=seconds)

    async def overview(self) -> list[dict[str, Any]]:
        """Every job, when it is due, and how its runs went; raises `Unavailable`."""
        records = await self._ledger.records(list(self.jobs))
        return [
            {"name": job.name, "schedule": job.schedule}
            | asdict(record)
            | {"next_run_at": self._next(job)}
            for job, record in zip(self.jobs.values(), records, strict=True)
        ]

    def _next(self, job: Job) -> datetime | None:
        """When the job is due; None where no process that this one knows of will run it."""
        if self.here or self._ledger.shared:
            return job.due(job.next(_now()))
        return None


def _now() -> datetime:
    return datetime.now(UTC)


def _newest(job: Job, tick: datetime, now: datetime) -> datetime:
    """The last tick that is due: what was held up, or set to another time, does not catch up."""
    later = max(tick, job.next(now - LATE))
    while job.due(later) <= now:
        tick, later = later, job.next(job.due(later))
    return tick
