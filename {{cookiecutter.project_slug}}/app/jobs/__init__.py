"""Jobs: functions that run on a schedule, once for each tick over all processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.handlers import Handler
from app.jobs.command import run_now
from app.jobs.job import cron, every, load
from app.jobs.ledger import Ledger, Unavailable
from app.jobs.runner import Runner, current
from app.jobs.scheduler import Scheduler
from app.jobs.settings import JobsSettings
from app.problems import Problem

if TYPE_CHECKING:
    from app.service import Service

__all__ = ["COMMANDS", "ROUTES", "SETTINGS", "cron", "current", "every", "lifespan"]

ANSWER_SECONDS = 2.0
"""How long `/health/jobs` waits for a ledger that hangs."""


class Jobs(Handler):
    """How the jobs are doing, the same from every process that shares a ledger."""

    any_host = anonymous = True

    async def get(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                jobs = await self.application.get(Scheduler).overview()
        except (Unavailable, TimeoutError):
            raise Problem(503, "What is known of the jobs cannot be read now.") from None
        self.json({"jobs": jobs})


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Load the jobs, and run them while the service serves; the drain waits for their end."""
    ledger = service.provide(service.backend_of(__name__).Ledger(service), Ledger)
    runner = service.provide(Runner(service, ledger))
    told = service.get(JobsSettings).jobs
    here = told == "on" if told else ledger.shared or service.config.instance == 1
    scheduler = service.provide(Scheduler(runner, ledger, here))
    for job in load():
        scheduler.add(job)
    service.serving.connect(lambda _: scheduler.start())
    service.stopping.connect(lambda _: scheduler.pause())
    try:
        yield
    finally:
        await scheduler.close(service.seconds_left())


SETTINGS = JobsSettings
ROUTES = [("/health/jobs", Jobs)]
COMMANDS = {"job": run_now}
