"""Functions in threads, which nothing can stop."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger()


async def in_thread(function: Callable[[T], object], argument: T) -> None:
    """Call the function in a thread; when cancelled, end all the same only after the thread.

    So what is held for the call is held until nothing of it goes on.
    """
    call = copy_context().run
    work = asyncio.get_running_loop().run_in_executor(None, call, function, argument)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
            log.warning("job cannot be stopped: it runs in a thread, whose end is awaited")
    if cancelled:
        raise cancelled
    work.result()
