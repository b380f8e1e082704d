"""Jobs when the machine's clock is set."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from app.jobs import every, scheduler
from app.jobs.job import Job
from app.jobs.ledger import Ledger
from app.jobs.runner import Runner
from app.jobs.scheduler import Scheduler
from app.service import Service
from tests.jobs.helpers import until

NOON = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@every(hours=1)
async def hourly(service: Service) -> None: ...


class Clock:
    """A clock that is set by hand, and the ticks that it brings."""

    def __init__(self) -> None:
        self.now, self.looks, self.ticks = NOON, 0, list[datetime]()

    def look(self) -> datetime:
        self.looks += 1
        return self.now

    async def tick(self, job: Job, tick: datetime) -> None:
        self.ticks.append(tick)

    async def set(self, now: datetime) -> None:
        """Set it, and wait until it has been looked at twice."""
        self.now, before = now, self.looks
        await until(lambda: self.looks > before + 4)


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(scheduler, "_now", clock.look)
    monkeypatch.setattr(scheduler, "LOOK_SECONDS", 0.005)
    jobs = Scheduler(cast(Runner, clock), cast(Ledger, None), here=True)
    jobs.add(hourly)
    jobs.start()
    yield clock
    await jobs.close(0)


async def test_a_tick_comes_at_its_time_and_once(clock: Clock) -> None:
    await clock.set(NOON + HOUR - timedelta(seconds=1))
    assert clock.ticks == []
    await clock.set(NOON + HOUR)
    await clock.set(NOON + HOUR * 1.9)
    assert clock.ticks == [NOON + HOUR]


async def test_a_clock_that_is_set_forward_brings_the_newest_tick_only(clock: Clock) -> None:
    await clock.set(NOON + 24 * HOUR + timedelta(seconds=30))
    assert clock.ticks == [NOON + 24 * HOUR]
    await clock.set(NOON + 48.5 * HOUR)  # too late for every tick: the runner says so once
    assert len(clock.ticks) == 2
    await clock.set(NOON + 49 * HOUR)
    assert clock.ticks[2:] == [NOON + 49 * HOUR]


async def test_decades_are_no_more_than_an_hour(clock: Clock) -> None:
    """A machine may not know the time when it starts."""
    async with asyncio.timeout(1):
        await clock.set(NOON + 24 * 365 * 40 * HOUR)
    assert len(clock.ticks) == 1


async def test_a_clock_that_is_set_back_brings_the_ticks_from_there(clock: Clock) -> None:
    await clock.set(NOON + 24 * HOUR)
    await clock.set(NOON + 2.5 * HOUR)
    await clock.set(NOON + 3 * HOUR)
    assert clock.ticks == [NOON + 24 * HOUR, NOON + 3 * HOUR]
