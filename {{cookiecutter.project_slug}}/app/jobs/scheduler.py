"""The clock of the jobs: APScheduler, with each run handed to the runner as a task."""

import asyncio
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job as Entry
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from app.jobs.job import Job
from app.jobs.ledger import Ledger
from app.jobs.runner import Runner

CANCEL_SECONDS = 2.0
"""How long a cancelled run may take to end."""

logging.getLogger("apscheduler").setLevel(logging.ERROR)  # the runner says it better


class Executor(BaseExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Starts a task for each run that is due, and tells it the tick it is due for."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: set[asyncio.Task[None]] = set()

    def _do_submit_job(self, entry: Entry, run_times: list[datetime]) -> None:
        task = asyncio.create_task(entry.func(**entry.kwargs | {"tick": run_times[-1]}))
        self.tasks.add(task)
        task.add_done_callback(partial(self._ended, entry.id))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._run_job_error(name, error, error.__traceback__)
        else:
            self._run_job_success(name, [])


class Scheduler:
    """Knows the jobs, and runs each when it is due, from `start` until `pause`."""

    def __init__(self, runner: Runner, ledger: Ledger, here: bool) -> None:
        self._runner, self._ledger, self.here = runner, ledger, here
        self.jobs: dict[str, Job] = {}
        self._executor = Executor()
        self._clock = AsyncIOScheduler(
            timezone=UTC,
            executors={"default": self._executor},
            job_defaults={"coalesce": True, "max_instances": 1},
        )
        self._clock.add_listener(self._overlapped, EVENT_JOB_MAX_INSTANCES)

    def add(self, job: Job) -> None:
        """Run this job too."""
        self.jobs[job.name] = job
        call = {"job": job, "tick": None}  # the executor says which
        self._clock.add_job(self._runner.tick, job.trigger, id=job.name, kwargs=call)

    def _overlapped(self, event: JobSubmissionEvent) -> None:
        self._runner.skip(self.jobs[event.job_id], "skipped", "the last tick is not over")

    def start(self) -> None:
        if self.here:
            self._clock.start()

    def pause(self) -> None:
        """Start no more runs."""
        if self._clock.running:
            self._clock.pause()

    async def close(self, seconds: float) -> None:
        """Let the runs under way end in so many seconds, and cancel the others."""
        if self._clock.running:
            self._clock.shutdown()
        await self._wait(seconds)
        for task in self._executor.tasks:
            task.cancel()
        await self._wait(CANCEL_SECONDS)

    async def _wait(self, seconds: float) -> None:
        if self._executor.tasks:
            await asyncio.wait(self._executor.tasks, timeout=seconds)

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
        if not (self.here or self._ledger.shared):
            return None
        due: datetime | None = job.trigger.get_next_fire_time(None, datetime.now(UTC))
        return due
