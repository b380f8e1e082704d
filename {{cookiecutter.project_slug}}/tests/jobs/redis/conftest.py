"""Services that share a Redis server."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Client, Start


@pytest.fixture
async def clients(start: Start, redis_url: str) -> AsyncIterator[list[Client]]:
    """Two services with one Redis, as two processes have."""
    async with start(REDIS_URL=redis_url) as first, start(REDIS_URL=redis_url) as second:
        yield [first, second]
