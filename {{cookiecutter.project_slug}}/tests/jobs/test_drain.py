"""Jobs at the end of a service's life."""

import asyncio

import pytest

from app import server
from app.jobs import every
from app.service import Service
from tests.conftest import Start
from tests.jobs.helpers import Ran, add, counted, until


async def test_no_run_begins_while_draining(start: Start) -> None:
    ran, clock = Ran(), Ran()
    async with start() as other, start() as client:
        client.service.drain()
        add(client, ran.job)
        add(other, clock.job)
        await until(lambda: len(clock) >= 3)
    assert not ran


async def test_the_drain_lets_a_run_end(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "GRACE_SECONDS", 0)
    begun, ended = asyncio.Event(), asyncio.Event()

    @every(seconds=0.02)
    async def ending(service: Service) -> None:
        begun.set()
        await until(lambda: service.draining)
        await asyncio.sleep(0.1)
        ended.set()

    async with start(DRAIN_SECONDS="5") as client:
        add(client, ending)
        await begun.wait()
    assert ended.is_set()
    assert counted("ending", "cancelled") == 0


async def test_the_drain_cancels_a_run_that_does_not_end(start: Start) -> None:
    begun = asyncio.Event()

    @every(seconds=0.02)
    async def endless(service: Service) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with start(DRAIN_SECONDS="0") as client:
        add(client, endless)
        await begun.wait()
    assert counted("endless", "cancelled") == 1
