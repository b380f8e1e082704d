"""The cache that all processes share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.redis import cache

LOCK_SECONDS = 30.0
"""A computation that dies keeps others waiting for no longer than this."""

log = structlog.get_logger()


class Cache(cache.Cache):
    """While Redis is away each value is computed whenever it is asked for."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def remember(self, key: str, ttl: float, compute: cache.Compute) -> Any:
        name, found, value, locked = f"cache:{key}", None, None, False
        lock = self._client.lock(f"{name}:lock", timeout=LOCK_SECONDS, sleep=0.01)
        try:
            with _logged():
                if (found := await self._client.get(name)) is None:
                    locked = await lock.acquire()
                    found = await self._client.get(name)
            if found is None:
                found = value = orjson.dumps(await compute())
        finally:
            with _logged():
                if locked and value:
                    await self._client.set(name, value, px=max(1, round(ttl * 1000)))
                if locked:
                    await lock.release()
        return orjson.loads(found)

    async def forget(self, key: str) -> None:
        with _logged():
            await self._client.delete(f"cache:{key}")


@contextmanager
def _logged() -> Iterator[None]:
    """Go on without Redis where it fails, or where the lock has not lasted."""
    try:
        yield
    except (RedisError, OSError) as error:
        log.warning("cache failed", error=str(error))
