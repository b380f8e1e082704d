"""What whoever supervises the process is told, on a socket of the test's own."""

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import httpx
import pytest
from tornado.netutil import bind_sockets

from app.server import listening
from app.service import Service
from app.settings import Settings
from app.supervisor import supervised

OFTEN = "100000"
"""The watchdog's time, in microseconds: two beats in it."""


class Supervisor:
    """Listens where the environment says, and keeps what it is told."""

    def __init__(self, address: str) -> None:
        self.address, self.socket = address, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.socket.settimeout(20)

    def hears(self) -> str:
        """Wait for one thing to be told."""
        return self.socket.recv(4096).decode().partition("\n")[0]

    def heard(self) -> list[str]:
        """What was told meanwhile, without waiting for more."""
        told = list[str]()
        self.socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                told.append(self.hears())
        return told

    async def beats(self) -> None:
        """Wait, with the loop running, for what is told next to be that it lives."""
        while not (told := self.heard()):  # noqa: ASYNC110 - a socket that does not tell the loop
            await asyncio.sleep(0.005)
        assert set(told) == {"WATCHDOG=1"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a path short enough for sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def supervisor(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Supervisor]:
    abstract = getattr(request, "param", "") == "abstract"
    address = f"@{folder.name}" if abstract else f"{folder}/notify"
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    supervisor = Supervisor(address)
    with closing(supervisor.socket):
        yield supervisor


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """The core alone; gives its address."""
    service, sockets = Service("core", [], [], [Settings()]), bind_sockets(0, "127.0.0.1")
    async with supervised(service), listening(service, sockets):
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("supervisor", ["file", "abstract"], indirect=True)
async def test_it_lives_as_long_as_its_loop_turns(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", OFTEN)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    async with serving():
        assert supervisor.hears() == "READY=1"
        await supervisor.beats()
        await supervisor.beats()
        time.sleep(0.3)  # noqa: ASYNC251 - this blocks the loop, as a fault would
        assert supervisor.heard() == []
        await supervisor.beats()


async def test_the_end_is_told_and_then_nothing(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", OFTEN)
    async with serving():
        supervisor.heard()
    assert supervisor.heard()[0] == "STOPPING=1"
    await asyncio.sleep(0.15)
    assert supervisor.heard() == []


@pytest.mark.parametrize("watched", [{"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": ""}])
async def test_who_is_not_watched_does_not_say_that_it_lives(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, watched: dict[str, str]
) -> None:
    for name, value in ({"WATCHDOG_USEC": OFTEN} | watched).items():
        monkeypatch.setenv(name, value)
    async with serving():
        await asyncio.sleep(0.15)
        assert supervisor.heard() == ["READY=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody", "vsock:2:1"])
async def test_it_serves_whoever_listens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", OFTEN)
    async with serving() as url, httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 404
