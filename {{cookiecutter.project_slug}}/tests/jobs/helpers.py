"""What the tests of jobs share: a job, waiting for a condition, and reading the counters."""

import asyncio
from collections.abc import Callable
from typing import Any

from prometheus_client import REGISTRY

from app.jobs import every
from app.jobs.job import Job
from app.jobs.scheduler import Scheduler
from app.service import Service
from tests.conftest import Client


class Ran(list[str]):
    """The notes of a job that ran."""

    @property
    def job(self) -> Job:
        @every(seconds=0.02)
        async def noted(service: Service) -> None:
            self.append("ran")

        return noted


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is another's
            await asyncio.sleep(0.005)


def counted(job: str, status: str) -> float:
    return REGISTRY.get_sample_value("job_runs_total", {"job": job, "status": status}) or 0


def add(client: Client, *jobs: Job) -> None:
    for job in jobs:
        client.service.get(Scheduler).add(job)


async def told(client: Client, name: str) -> dict[str, Any]:
    """What `/health/jobs` says of the job."""
    jobs = (await client.get("/health/jobs")).json()["jobs"]
    return next(job for job in jobs if job["name"] == name)
