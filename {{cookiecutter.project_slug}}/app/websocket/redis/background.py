"""Work that goes on beside the requests, and survives a Redis that is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from redis.exceptions import RedisError

FIRST_SECONDS, MOST_SECONDS = 0.1, 2.0

log = structlog.get_logger()


@asynccontextmanager
async def background(
    *steps: Callable[[], Awaitable[None]], failed: Callable[[], None]
) -> AsyncIterator[None]:
    """Repeat each step while the block lasts; call `failed` when one could not be done."""
    tasks = {asyncio.create_task(_repeat(step, failed)) for step in steps}
    try:
        yield
    finally:
        while tasks:  # `asyncio.wait_for`, in the client, loses some before Python 3.12
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=0.05)


async def _repeat(step: Callable[[], Awaitable[None]], failed: Callable[[], None]) -> None:
    pause = FIRST_SECONDS
    while True:
        try:
            await step()
            pause = FIRST_SECONDS
        except Exception as error:
            if pause == FIRST_SECONDS:  # the rest of an outage is not news
                expected = isinstance(error, RedisError | OSError)
                log.warning("rooms interrupted", error=str(error), exc_info=not expected)
            failed()
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_SECONDS)
