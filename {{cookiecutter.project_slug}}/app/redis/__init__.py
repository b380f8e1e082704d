"""Redis: a client for the features, what it says about its readiness, and a cache."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from redis.asyncio import Redis

from app.redis.addresses import make
from app.redis.cache import Cache
from app.redis.settings import RedisSettings

if TYPE_CHECKING:
    from app.service import Service

SETTINGS = RedisSettings
ROUTES: list[tuple[str, type]] = []

log = structlog.get_logger()


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Bring the client and say `service.backend`; without `REDIS_URL` all stays in memory.

    Nothing is connected yet: a server that is away is told by `/health/ready`, and used again
    as soon as it is back.
    """
    url = service.get(RedisSettings).redis_url
    if not url:
        log.warning("REDIS_URL is not set: state is kept in the memory of this process")
        service.provide(service.backend_of(__name__).Cache(), Cache)
        yield
        return
    async with aclosing(make(url)) as client:
        service.backend = "redis"
        service.provide(client, Redis)
        service.provide(service.backend_of(__name__).Cache(client), Cache)
        service.checks["redis"] = client.check
        yield
