"""A provider, and a service that knows it."""

from collections.abc import AsyncIterator

import pytest

from tests.auth.oidc.provider import Provider, Running, settings
from tests.conftest import Client, Start


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    running = Running()
    yield running.provider
    await running.stop()


@pytest.fixture
async def client(start: Start, provider: Provider) -> AsyncIterator[Client]:
    async with start(**settings(provider)) as started:
        yield started
