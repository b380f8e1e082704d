"""The process: how it serves, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest

ROOT = Path(__file__).parents[1]
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


def drain(service: Running) -> None:
    """Ask the service to end, and wait until it says that it is not ready any more."""
    service.process.send_signal(signal.SIGTERM)
    while httpx.get(service.url + "/health/ready").status_code == 200:
        pass


def test_on_sigterm_it_answers_what_is_under_way_and_ends_well() -> None:
    with running(DRAIN_SECONDS="10", INSTANCE="3") as service:
        named = {"X-Request-ID": "in-the-log"}
        assert httpx.get(service.url + "/hello", headers=named).status_code == 200
        with open_request(service) as slow:
            drain(service)
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
