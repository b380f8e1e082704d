"""The event loop's lag, and what holds the loop up: a handler that blocks delays everybody."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app.metrics import Histogram
from app.service import Service

BEAT_SECONDS, BLOCKED_SECONDS = 0.1, 0.5
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
LAG = Histogram("event_loop_lag_seconds", "How late a task is woken", buckets=BUCKETS)

log = structlog.get_logger()


class Watch:
    """A task that beats, and a thread that looks whether it does, as a blocked loop cannot."""

    def __init__(self) -> None:
        self._beat_at = time.monotonic()
        self._watched = threading.get_ident()
        self._ended = threading.Event()

    async def beat(self) -> None:
        while True:
            due = time.monotonic() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            self._beat_at = time.monotonic()
            LAG.observe(max(0.0, self._beat_at - due))

    def look(self) -> None:
        """Say once of each time that the loop is blocked, and where."""
        said = 0.0
        while not self._ended.wait(BEAT_SECONDS):
            beat_at = self._beat_at
            if time.monotonic() - beat_at > BLOCKED_SECONDS and beat_at != said:
                said = beat_at
                log.warning("the event loop is blocked", where=self._where())

    def _where(self) -> str:
        """The innermost calls, the last one first."""
        stack = traceback.extract_stack(sys._current_frames()[self._watched])[-4:]
        return ", ".join(f"{call.filename}:{call.lineno} {call.name}" for call in reversed(stack))

    def end(self) -> None:
        self._ended.set()


@asynccontextmanager
async def lifespan(service: Service) -> AsyncIterator[None]:
    watch = Watch()
    beating = asyncio.create_task(watch.beat())
    threading.Thread(target=watch.look, daemon=True).start()
    try:
        yield
    finally:
        watch.end()
        beating.cancel()
