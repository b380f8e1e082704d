"""The cache of one process."""

import asyncio
import time

import orjson

from app.redis import cache

MOST = 10_000
"""Values kept; beyond it the oldest go."""


class Cache(cache.Cache):
    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, tuple[float, bytes]] = {}

    async def _find(self, key: str, ttl: float, compute: cache.Compute) -> bytes:
        until, value = self._values.get(key, (0.0, b""))
        if time.monotonic() < until:
            return value
        value = orjson.dumps(await compute())
        if self._under_way.get(key) is asyncio.current_task():  # it was not dropped meanwhile
            self._keep(key, ttl, value)
        return value

    async def _drop(self, key: str) -> None:
        self._values.pop(key, None)

    def _keep(self, key: str, ttl: float, value: bytes) -> None:
        self._values.pop(key, None)
        if len(self._values) >= MOST:
            del self._values[next(iter(self._values))]
        self._values[key] = time.monotonic() + ttl, value
