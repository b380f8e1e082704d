"""What a job is: a function with a schedule, found in the modules of `app/jobs/tasks/`."""

import asyncio
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from apscheduler.triggers.base import BaseTrigger

from app.jobs import tasks
from app.jobs.triggers import Interval, crontab

if TYPE_CHECKING:
    from app.service import Service

Function = Callable[["Service"], object]
"""Takes the service. A coroutine function runs on the loop, any other in a thread."""


@dataclass(frozen=True)
class Job:
    """A function and when it is due. Its name is the function's."""

    function: Function
    trigger: BaseTrigger
    schedule: str
    """The trigger, for people."""

    @property
    def name(self) -> str:
        return self.function.__name__

    async def __call__(self, service: "Service") -> None:
        if inspect.iscoroutinefunction(self.function):
            await self.function(service)
        else:
            await asyncio.to_thread(self.function, service)


def every(**period: float) -> Callable[[Function], Job]:
    """Make the function a job that is due once in each period, counted from the epoch (UTC).

    The period is given as to `timedelta`: `every(minutes=5)`.
    """
    trigger = Interval(timedelta(**period))
    parts = [f"{n:g} {unit if n != 1 else unit[:-1]}" for unit, n in period.items()]
    return lambda function: Job(function, trigger, f"every {' '.join(parts)}")


def cron(expression: str) -> Callable[[Function], Job]:
    """Make the function a job that is due when the five fields of a crontab say so, in UTC."""
    trigger = crontab(expression)
    return lambda function: Job(function, trigger, expression)


def load() -> list[Job]:
    """Import every module of `tasks/`; raises `ValueError` where two jobs have one name."""
    names = [module.name for module in pkgutil.iter_modules(tasks.__path__)]
    modules = [import_module(f"{tasks.__name__}.{name}") for name in names]
    jobs = dict.fromkeys(v for m in modules for v in vars(m).values() if isinstance(v, Job))
    if len({job.name for job in jobs}) < len(jobs):
        raise ValueError(f"two jobs have one name: {sorted(job.name for job in jobs)}")
    return list(jobs)
