"""What a job is: a function with a schedule, found in the modules of `app/jobs/tasks/`."""

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING

from app.jobs import tasks
from app.jobs.threads import in_thread
from app.jobs.triggers import Crontab, Interval, Trigger, shortest_gap

if TYPE_CHECKING:
    from app.service import Service

Function = Callable[["Service"], object]
"""Takes the service. A coroutine function runs on the loop, any other in a thread."""
HOUR = 3600.0


@dataclass(frozen=True)
class Job:
    """A function, when it is due, and how it is run. Its name is the function's."""

    function: Function
    trigger: Trigger
    schedule: str
    """The trigger, for people."""
    timeout: float | None = HOUR
    """How many seconds it may take."""
    retries: int = 0
    """How often it is tried again after a failure."""
    jitter: float = 0.0
    """Over how many seconds after its tick it is spread."""

    def __post_init__(self) -> None:
        if complaint := self._complaint():
            raise ValueError(f"the job {self.name}: {complaint}")

    def _complaint(self) -> str | None:
        if self.timeout is not None and not self.timeout > 0:
            return "timeout must be more than 0 seconds, or None"
        if not isinstance(self.retries, int) or self.retries < 0:
            return "retries must be a whole number, 0 or more"
        if self.jitter and not 0 < self.jitter <= shortest_gap(self.trigger).total_seconds():
            return "jitter must be 0 to as many seconds as are between two ticks"
        return None

    @property
    def name(self) -> str:
        return self.function.__name__

    def due(self, tick: datetime) -> datetime:
        """When the run of this tick begins: with jitter later than the tick, alike everywhere."""
        digest = sha256(f"{self.name} {tick.isoformat()}".encode()).digest()
        share = int.from_bytes(digest[:6]) / 2**48
        return tick + timedelta(seconds=self.jitter * share)

    def next(self, now: datetime) -> datetime:
        """The first tick that is due later than now."""
        tick = self.trigger.after(now - timedelta(seconds=self.jitter))
        while self.due(tick) <= now:
            tick = self.trigger.after(tick)
        return tick

    async def __call__(self, service: "Service") -> None:
        if inspect.iscoroutinefunction(self.function):
            await self.function(service)
        else:
            await in_thread(self.function, service)


def every(
    *, timeout: float | None = HOUR, retries: int = 0, jitter: float = 0.0, **period: float
) -> Callable[[Function], Job]:
    """Make the function a job that is due once in each period, counted from the epoch (UTC).

    The period is given as to `timedelta`: `every(minutes=5)`.
    """
    trigger = Interval(timedelta(**period))
    parts = [f"{n:g} {unit if n != 1 else unit[:-1]}" for unit, n in period.items()]
    return lambda function: Job(
        function, trigger, f"every {' '.join(parts)}", timeout, retries, jitter
    )


def cron(
    expression: str, *, timeout: float | None = HOUR, retries: int = 0, jitter: float = 0.0
) -> Callable[[Function], Job]:
    """Make the function a job that is due when the five fields of a crontab say so, in UTC."""
    trigger = Crontab(expression)
    return lambda function: Job(function, trigger, expression, timeout, retries, jitter)


def load() -> list[Job]:
    """Import every module of `tasks/`; raises `ValueError` where two jobs have one name."""
    names = [module.name for module in pkgutil.iter_modules(tasks.__path__)]
    modules = [import_module(f"{tasks.__name__}.{name}") for name in names]
    jobs = dict.fromkeys(v for m in modules for v in vars(m).values() if isinstance(v, Job))
    if len({job.name for job in jobs}) < len(jobs):
        raise ValueError(f"two jobs have one name: {sorted(job.name for job in jobs)}")
    return list(jobs)
