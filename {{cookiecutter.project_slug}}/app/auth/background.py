"""Work beside the requests, which ends with the service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from app.service import Service

LEAST_SECONDS = 0.1
"""A connection that is just being made is not cleanly cancelled."""

log = structlog.get_logger()


@asynccontextmanager
async def tidying(service: "Service", clean: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Clean once when the service begins to serve, within the block; a failure is only logged."""
    tasks = list[asyncio.Task[None]]()
    service.serving.connect(lambda _: tasks.append(asyncio.create_task(_attempt(clean))))
    try:
        yield
    finally:
        for task in tasks:
            await asyncio.wait([task], timeout=max(service.seconds_left(), LEAST_SECONDS))
            await stop(task)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do this while the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await stop(task)


async def _attempt(clean: Callable[[], Awaitable[None]]) -> None:
    try:
        await clean()
    except Exception as error:  # whatever it is, there is another time
        log.warning("not tidied up", error=str(error).partition("\n")[0])


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel until it has ended: `asyncio.wait_for`, in clients, loses some before Python 3.12."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1.0)
