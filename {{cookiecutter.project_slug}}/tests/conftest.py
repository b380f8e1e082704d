"""A service in this process, on a real socket, with nothing of the developer's own settings."""

import gc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import httpx
import pytest
import structlog
from tornado.netutil import bind_sockets

from app.main import FEATURES, create_service
from app.server import listening
from app.service import Service, said_by
from app.settings import Settings

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

gc.set_threshold(100_000)  # tests make much and keep little: this saves a tenth of their time
HERE = Path(__file__).parent
pytest_plugins = [f"tests.{path.parent.name}.fixtures" for path in HERE.glob("*/fixtures.py")]
"""A feature's own fixtures are in `tests/<feature>/fixtures.py`."""


class Client(httpx.AsyncClient):
    """An HTTP client of one running service."""

    def __init__(self, service: Service, url: str) -> None:
        super().__init__(base_url=url, verify=False)  # loading authorities is slow
        self.service = service


class Start(Protocol):
    """Starts a service with these environment variables; leaving the block stops it."""

    def __call__(self, **environment: str) -> AbstractAsyncContextManager[Client]: ...


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder and environment: no `.env`, no file of another test."""
    monkeypatch.chdir(tmp_path)
    for settings in (Settings, *said_by(FEATURES, "SETTINGS")):
        for name in settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DRAIN_SECONDS", "0")


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    @asynccontextmanager
    async def started(**environment: str) -> AsyncIterator[Client]:
        sockets = bind_sockets(0, "127.0.0.1")
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        with monkeypatch.context() as patch:
            for name, value in ({"PUBLIC_URL": url} | environment).items():
                patch.setenv(name, value)
            service = create_service()
        async with service.running(), listening(service, sockets), Client(service, url) as client:
            yield client

    return started


@pytest.fixture
async def client(start: Start) -> AsyncIterator[Client]:
    """A service with its default settings."""
    async with start() as started:
        yield started
