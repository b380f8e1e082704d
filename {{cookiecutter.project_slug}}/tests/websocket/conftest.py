"""Rooms that everybody may enter, whoever else the service knows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.service import anyone
from tests.conftest import Client, Start


@pytest.fixture
def start(start: Start) -> Start:
    @asynccontextmanager
    async def started(**environment: str) -> AsyncIterator[Client]:
        async with start(**environment) as client:
            client.service.identify = anyone
            yield client

    return started
