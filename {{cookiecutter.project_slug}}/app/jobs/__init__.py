"""Jobs: functions that run on a schedule, once for each tick over all processes."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.handlers import Handler
from app.jobs.job import cron, every, load
from app.jobs.ledger import LeaseLost, Ledger, Overlap, Unavailable
from app.jobs.runner import Runner
from app.jobs.scheduler import Scheduler
from app.jobs.settings import JobsSettings
from app.problems import Problem

if TYPE_CHECKING:
    from app.service import Service

__all__ = ["COMMANDS", "ROUTES", "SETTINGS", "cron", "every", "lifespan"]

ANSWER_SECONDS = 2.0
"""How long `/health/jobs` waits for a ledger that hangs."""


class Jobs(Handler):
    """How the jobs are doing, the same from every process that shares a ledger."""

    any_host = True

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


async def run_now(service: "Service", arguments: list[str]) -> int:
    """Run the job of this name now; ends with 0 when that went well, with 1 when not.

    Gives 2 for an unknown name.
    """
    jobs = {job.name: job for job in load()}
    if len(arguments) != 1 or arguments[0] not in jobs:
        print(f"say one of these jobs: {', '.join(jobs)}", file=sys.stderr)
        return 2
    (name,) = arguments
    try:
        async with service.running():
            run = await service.get(Runner).run(jobs[name])
    except (Overlap, Unavailable, LeaseLost) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    print(f"{name}: {run.status} after {run.seconds:.3f} s")
    return int(run.status != "ok")


SETTINGS = JobsSettings
ROUTES = [("/health/jobs", Jobs)]
COMMANDS = {"job": run_now}
