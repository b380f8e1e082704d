"""A Redis server: the real one where it is installed, and fakeredis's over TCP elsewhere."""

import os
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fakeredis import TcpFakeServer
from redis import ConnectionError, Redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server for this test run."""
    port = free_port()
    if shutil.which("redis-server"):
        yield from _real(port, tmp_path_factory.mktemp("redis"))
    elif os.environ.get("CI") == "true":
        pytest.fail("redis-server is not installed")
    else:
        server = TcpFakeServer(("127.0.0.1", port), server_type="redis")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{port}/0"
        server.shutdown()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The address of that server, with nothing in it."""
    with Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


def _real(port: int, folder: Path) -> Iterator[str]:
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        url = f"redis://127.0.0.1:{port}/0"
        with Redis.from_url(url) as client:
            _await_answer(client)
        yield url
        process.terminate()


def _await_answer(client: "Redis", seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.ping()
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def free_port() -> int:
    """One that no outgoing connection has meanwhile: those get higher ones by themselves."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
