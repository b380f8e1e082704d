"""The cache that all processes share."""

from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import LockError

from app.redis import cache

LOCK_SECONDS = 30.0
"""A computation that dies keeps others waiting for no longer than this."""


class Cache(cache.Cache):
    def __init__(self, client: Redis) -> None:
        self._client = client

    async def remember(self, key: str, ttl: float, compute: cache.Compute) -> Any:
        name = f"cache:{key}"
        if (found := await self._client.get(name)) is not None:
            return orjson.loads(found)
        lock = self._client.lock(f"{name}:lock", timeout=LOCK_SECONDS, sleep=0.01)
        try:
            async with lock:
                if (found := await self._client.get(name)) is None:
                    found = orjson.dumps(await compute())
                    await self._client.set(name, found, px=max(1, round(ttl * 1000)))
        except LockError:  # it took longer than the lock lasts: the value is right all the same
            if found is None:
                raise
        return orjson.loads(found)

    async def forget(self, key: str) -> None:
        await self._client.delete(f"cache:{key}")
