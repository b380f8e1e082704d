"""What whoever supervises the process is told: that it serves, lives, stops (sd_notify(3))."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.service import Service

SEND_SECONDS = 1.0
"""How long a supervisor that reads nothing may hold the process up."""


@asynccontextmanager
async def supervised(service: "Service") -> AsyncIterator[None]:
    """Tell when the service serves and when it drains, and until the process ends that it lives."""
    watchdog = Watchdog(watchdog_seconds())
    service.serving.connect(lambda _: tell("READY=1\nSTATUS=serving"))
    service.serving.connect(lambda _: watchdog.beat())
    service.stopping.connect(lambda _: tell("STOPPING=1\nSTATUS=draining"))
    try:
        yield
    finally:
        watchdog.stop()


def tell(state: str) -> None:
    """Send this state where somebody wants to know; one who is gone is not missed."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    abstract = address.startswith("@")
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.settimeout(SEND_SECONDS)
        supervisor.sendto(state.encode(), f"\0{address[1:]}" if abstract else address)


def watchdog_seconds() -> float:
    """Within which time this process must say that it lives; 0 where nobody watches it."""
    watched = os.environ.get("WATCHDOG_PID") or str(os.getpid())
    told = os.environ.get("WATCHDOG_USEC", "")
    return int(told) / 1e6 if told.isdecimal() and watched == str(os.getpid()) else 0


class Watchdog:
    """Says twice in this time that the process lives: a loop that is blocked cannot say so."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next: asyncio.TimerHandle | None = None

    def beat(self) -> None:
        if self._seconds:
            tell("WATCHDOG=1")
            loop = asyncio.get_running_loop()
            self._next = loop.call_later(self._seconds / 2, self.beat)

    def stop(self) -> None:
        if self._next:
            self._next.cancel()
