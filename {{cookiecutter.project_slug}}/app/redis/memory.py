"""The cache of one process."""

import asyncio
import time
from typing import Any
from weakref import WeakValueDictionary

import orjson

from app.redis import cache

MOST = 10_000
"""Values kept; beyond it the oldest go."""


class Cache(cache.Cache):
    def __init__(self) -> None:
        self._values: dict[str, tuple[float, bytes]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def remember(self, key: str, ttl: float, compute: cache.Compute) -> Any:
        if (found := self._find(key)) is not None:
            return orjson.loads(found)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if (found := self._find(key)) is None:
                found = orjson.dumps(await compute())
                self._keep(key, ttl, found)
        return orjson.loads(found)

    async def forget(self, key: str) -> None:
        self._values.pop(key, None)

    def _find(self, key: str) -> bytes | None:
        until, value = self._values.get(key, (0.0, None))
        return value if time.monotonic() < until else None

    def _keep(self, key: str, ttl: float, value: bytes) -> None:
        self._values.pop(key, None)
        if len(self._values) >= MOST:
            del self._values[next(iter(self._values))]
        self._values[key] = time.monotonic() + ttl, value
