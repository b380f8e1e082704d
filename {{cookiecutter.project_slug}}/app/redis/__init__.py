"""Redis: a client for the features, what it says about its readiness, and a cache."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.redis.cache import Cache
from app.redis.settings import RedisSettings

if TYPE_CHECKING:
    from app.service import Service

SETTINGS = RedisSettings
ROUTES: list[tuple[str, type]] = []

SOCKET_SECONDS = 2.0
"""How long a command may take: a hanging server must not hang the service."""

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
    async with connect(url) as client:
        service.backend = "redis"
        service.provide(client)
        service.provide(service.backend_of(__name__).Cache(client), Cache)
        service.checks["redis"] = lambda: _ping(client)
        yield


def connect(url: str) -> Redis:
    """A client whose every command ends in bounded time, and is sent at most once.

    What is repeated because its answer was lost may happen twice. A connection that the server
    has closed needs no repeating: with RESP2 redis-py notices when it takes one from the pool.
    """
    return Redis.from_url(
        url,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        decode_responses=True,
    )


async def _ping(client: Redis) -> None:
    await client.ping()
