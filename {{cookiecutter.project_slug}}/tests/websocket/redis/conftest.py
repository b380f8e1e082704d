"""Services that share a Redis, each standing for a process, and what they keep there."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.conftest import Client, Start
from tests.websocket.redis.cable import Cable


@pytest.fixture
async def two(start: Start, redis_url: str) -> AsyncIterator[tuple[Client, Client]]:
    async with start(REDIS_URL=redis_url) as one, start(REDIS_URL=redis_url) as other:
        yield one, other


@pytest.fixture
async def cable(redis_url: str) -> AsyncIterator[Cable]:
    cable = Cable(redis_url)
    yield cable
    cable.cut()


@pytest.fixture
async def data(redis_url: str) -> AsyncIterator[Redis]:
    """What the services keep."""
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def client(start: Start, redis_url: str) -> AsyncIterator[Client]:
    async with start(REDIS_URL=redis_url) as client:
        yield client
