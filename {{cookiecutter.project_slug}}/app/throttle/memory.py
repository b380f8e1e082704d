"""Throttling in one process."""

import time
from typing import TYPE_CHECKING

from app import throttle

if TYPE_CHECKING:
    from app.service import Service

MOST = 50_000
"""Windows kept; beyond it the oldest go, however many addresses an attacker has."""


class Throttle(throttle.Throttle):
    def __init__(self, service: "Service") -> None:
        self._windows: dict[str, tuple[int, float]] = {}

    async def count(self, key: str, seconds: int) -> tuple[int, float]:
        moment = time.monotonic()
        count, end = self._windows.pop(key, (0, 0.0))
        count, end = (count + 1, end) if moment < end else (1, moment + seconds)
        if len(self._windows) >= MOST:
            del self._windows[next(iter(self._windows))]
        self._windows[key] = count, end
        return count, end - moment
