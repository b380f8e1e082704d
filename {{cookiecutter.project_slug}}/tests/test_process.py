"""The process: how it serves, and how it ends."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app import server
from app.server import listen, listening
from app.service import Service
from app.settings import Settings

ROOT = Path(__file__).parents[1]
ON_SOCKET = httpx.AsyncHTTPTransport(uds="here.sock")
COMMAND = [sys.executable, "-m", "app"]
UNFINISHED = b"POST /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n\r\n"


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PORT": "0", "LOG_FORMAT": "json"} | more


class Running:
    """A started process, its address, and the lines of its log so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.log = process, list[str]()
        assert process.stdout
        for line in process.stdout:
            self.log.append(line)
            if '"serving"' in line:
                self.url = str(orjson.loads(line)["address"])
                break
        else:
            pytest.fail("did not start:\n" + "".join(self.log))
        read_on = partial(self.log.extend, process.stdout)
        self.reader = threading.Thread(target=read_on, daemon=True)
        self.reader.start()


@contextmanager
def running(**variables: str) -> Iterator[Running]:
    with subprocess.Popen(
        COMMAND,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def open_request(service: Running) -> socket.socket:
    """A connection on which a request has begun and the service waits for the rest."""
    address = httpx.URL(service.url)
    client = socket.create_connection((address.host, address.port or 0), timeout=10)
    client.sendall(UNFINISHED)
    return client


def listens(supervisor: socket.socket) -> str:
    """Where it does so, in the folder of this test."""
    supervisor.settimeout(20)
    supervisor.bind("notify")
    return "notify"


def drain(service: Running) -> None:
    """Ask the service to end, and wait until it says that it is not ready any more."""
    service.process.send_signal(signal.SIGTERM)
    with suppress(httpx.ConnectError):  # that was longer ago than new connections are taken
        while httpx.get(service.url + "/health/ready").status_code == 200:
            pass


def test_on_sigterm_it_answers_what_is_under_way_and_ends_well() -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor,
        running(DRAIN_SECONDS="10", INSTANCE="3", NOTIFY_SOCKET=listens(supervisor)) as service,
    ):
        assert supervisor.recv(100).startswith(b"READY=1")
        named = {"X-Request-ID": "in-the-log"}
        assert httpx.get(service.url + "/hello", headers=named).status_code == 200
        with open_request(service) as slow:
            drain(service)
            assert supervisor.recv(100).startswith(b"STOPPING=1")
            slow.sendall(b"name=Ada")
            answer = slow.makefile("rb").read()
        assert b" 405 " in answer.partition(b"\r\n")[0]
        assert b"\r\nConnection: close\r\n" in answer
        assert service.process.wait(15) == 0
        service.reader.join()
    lines = [orjson.loads(line) for line in service.log]
    assert "in-the-log" in [line.get("request_id") for line in lines]
    assert {line["instance"] for line in lines} == {3}


def test_a_second_signal_ends_it_at_once() -> None:
    with running(DRAIN_SECONDS="60") as service, open_request(service):
        drain(service)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(5) == 128 + signal.SIGTERM


async def test_a_unix_socket_is_there_when_it_is_answered_and_many_may_wait() -> None:
    (listener,) = listen(Settings(unix_socket="here.sock"))
    assert "here.sock" not in os.listdir()
    with ExitStack() as stack:
        for _ in range(300):
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            waiting.connect("here.sock.new")
    service = Service("core", [], [], [Settings(unix_socket="here.sock")])
    async with listening(service, [listener]), httpx.AsyncClient(transport=ON_SOCKET) as client:
        assert (await client.get("http://localhost")).status_code == 404


async def test_without_a_descriptor_for_the_next_it_serves_those_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "REST_SECONDS", 0.2)
    (listener,) = listen(Settings(port=0))
    address = listener.getsockname()
    service = Service("core", [], [], [Settings()])
    async with listening(service, [listener]), httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{address[1]}"
        assert (await client.get(url)).status_code == 404
        waiting = [socket.create_connection(address) for _ in range(5)]
        with descriptors(3), capture_logs() as log:
            await refusals(log, 1)
            assert (await client.get(url)).status_code == 404  # on the connection that it has
            await refusals(log, 3)
            assert len(log) <= 4  # and not one in each turn of the loop
        for each in waiting:
            each.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = await asyncio.to_thread(each.recv, 12)
            assert answer == b"HTTP/1.1 404"
            each.close()
    said = {(line["event"], line["reason"]) for line in log}
    assert said == {("no new connections for now", "Too many open files")}


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Let this process open at most so many more files and connections."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(free := os.dup(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + count, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def refusals(log: list[EventDict], count: int) -> None:
    async with asyncio.timeout(20):
        while len(log) < count:  # noqa: ASYNC110 - a list that does not tell the loop
            await asyncio.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full")
def test_where_its_log_cannot_be_written_it_serves_and_says_so_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (
        open("/dev/full", "w") as full,
        subprocess.Popen(
            COMMAND, env=environment(PORT=str(port)), stdout=full, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            await_answer(process, f"http://127.0.0.1:{port}/hello")
            assert httpx.get(f"http://127.0.0.1:{port}/hello").status_code == 200
            process.terminate()
            _, said = process.communicate(timeout=15)
        finally:
            process.kill()
    assert said == "the log cannot be written: No space left on device\n"
    assert process.returncode == 0


def await_answer(process: "subprocess.Popen[str]", url: str) -> None:
    while process.poll() is None:
        with suppress(httpx.ConnectError):
            httpx.get(url)
            return
        time.sleep(0.05)
    pytest.fail("it has ended")
