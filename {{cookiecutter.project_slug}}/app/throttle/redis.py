"""Throttling that all processes share through Redis."""

from typing import TYPE_CHECKING

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app import throttle
from app.throttle import memory

if TYPE_CHECKING:
    from app.service import Service

log = structlog.get_logger()


class Throttle(throttle.Throttle):
    """Counts in Redis; while that is away each process counts on its own."""

    def __init__(self, service: "Service") -> None:
        self._client = service.get(Redis)
        self._alone = memory.Throttle(service)

    async def count(self, key: str, seconds: int) -> tuple[int, float]:
        name = f"throttle:{key}"
        try:
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.set(name, 0, ex=seconds, nx=True)
                pipe.incr(name)
                pipe.pttl(name)
                _, count, left = await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("throttling alone", error=str(error))
            return await self._alone.count(key, seconds)
        return count, left / 1000
