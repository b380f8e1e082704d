"""Sockets of real processes: clients that do not read, and sessions that end elsewhere."""

import asyncio
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.chat import Person, scenario, until
from tests.combinations import ALL_ON, bake
from tests.conftest import clean_environment
from tests.probing import log_in, serving
from tests.processes import Started, started
from tests.servers import RedisServer, redis_server

HANDSHAKE = (
    "GET /rooms/lobby/socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SLOW, TEXTS, AHEAD = 20, 6000, 100
MOST_MIB = 60
"""That the process may grow: 1 MiB for each slow client, its history, and what Python keeps.
Without a bound it would be 400 MiB: all texts for each."""


def open_and_never_read(url: str) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    parts = urlsplit(url)
    client.connect((parts.hostname, parts.port))
    client.sendall(HANDSHAKE.encode())
    return client


def mebibytes(service: Started) -> float:
    """How much memory the process has."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@scenario
async def speak_to_those_who_do_not_read(service: Started) -> None:
    quick = await Person().enter(service)
    before = mebibytes(service)
    with ExitStack() as stack:
        for _ in range(SLOW):
            stack.enter_context(open_and_never_read(service.url))
        for number in range(TEXTS):
            text = f"{number} {'x' * 4000}"
            await quick.say(text)
            if number % AHEAD == 0:  # or who is quick would be slow, too, wherever it is paused
                await quick.hears(text)
        await until(lambda: len(quick.heard) == TEXTS)
        assert mebibytes(service) - before < MOST_MIB
    assert [text.split()[0] for text in quick.heard] == [str(n) for n in range(TEXTS)]


def test_clients_that_do_not_read_cost_little_and_the_others_nothing(
    python: Path, tmp_path: Path
) -> None:
    root = bake(frozenset({"websocket"}), tmp_path)
    settings = {"PORT": "0", "LOG_FORMAT": "json", "WEBSOCKET_MESSAGES_PER_MINUTE": "0"}
    environment = clean_environment(**settings)
    with started([str(python), "-m", "app"], root, environment) as service:
        speak_to_those_who_do_not_read(service)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(ALL_ON - {"nginx", "templates", "jobs"}, tmp_path_factory.mktemp("sockets"))


async def open_as(service: Started, cookies: dict[str, str]) -> WebSocketClientConnection:
    url = service.url.replace("http", "ws", 1) + "/rooms/lobby/socket"
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    connection = await websocket_connect(HTTPRequest(url, headers={"Cookie": sent}))
    assert "presence" in str(await connection.read_message())
    return connection


async def close_code(connection: WebSocketClientConnection, seconds: float) -> int | None:
    async with asyncio.timeout(seconds):
        while await connection.read_message():
            pass
    return connection.close_code


@scenario
async def log_out_elsewhere(
    one: Started, other: Started, to_kill: RedisServer | None = None
) -> None:
    client = await asyncio.to_thread(log_in, one, f"{time.monotonic_ns()}@example.com")
    there = await open_as(other, dict(client.cookies))
    if to_kill:
        to_kill.kill()
    await asyncio.to_thread(client.post, "/auth/logout")
    assert await close_code(there, 2) == 4401


@pytest.mark.parametrize("backend", ["memory", "redis"])
def test_a_session_ends_its_sockets_on_every_process(
    root: Path, python: Path, tmp_path: Path, backend: str
) -> None:
    with redis_server(tmp_path / "redis") as server, ExitStack() as stack:
        url = server.url if backend == "redis" else ""
        one, other = (stack.enter_context(serving(python, root, url)) for _ in range(2))
        log_out_elsewhere(one, other)


def test_also_while_redis_is_away(root: Path, python: Path, tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server, ExitStack() as stack:
        one, other = (stack.enter_context(serving(python, root, server.url)) for _ in range(2))
        log_out_elsewhere(one, other, server)
