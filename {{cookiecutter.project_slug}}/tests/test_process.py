"""The process: how it starts, what it says when it cannot, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "app"]
UNFINISHED = b"POST /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n\r\n"


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PORT": "0", "LOG_FORMAT": "json"} | more


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=20,
    )


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
        threading.Thread(target=lambda: self.log.extend(process.stdout or []), daemon=True).start()


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


def test_serves_and_ends_well_on_sigterm() -> None:
    with running() as service:
        answer = httpx.get(service.url + "/hello", headers={"X-Request-ID": "in-the-log"})
        assert answer.status_code == 200
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(15) == 0
    assert any('"in-the-log"' in line for line in service.log)


def test_an_answer_under_way_is_finished_before_the_end() -> None:
    with running(DRAIN_SECONDS="10") as service:
        address = httpx.URL(service.url)
        with socket.create_connection((address.host, address.port or 0), timeout=10) as slow:
            slow.sendall(UNFINISHED)
            while httpx.get(service.url + "/health/ready").status_code == 200:
                service.process.send_signal(signal.SIGTERM)
            slow.sendall(b"name=Ada")
            answer = slow.makefile("rb").read()
        assert b" 405 " in answer.partition(b"\r\n")[0]
        assert b"\r\nConnection: close\r\n" in answer
        assert service.process.wait(15) == 0


def test_a_second_signal_ends_it_at_once() -> None:
    with running(DRAIN_SECONDS="60") as service:
        address = httpx.URL(service.url)
        with socket.create_connection((address.host, address.port or 0)) as open_request:
            open_request.sendall(UNFINISHED)
            httpx.get(service.url + "/hello")
            service.process.send_signal(signal.SIGTERM)
            while httpx.get(service.url + "/health/ready").status_code == 200:
                pass
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(5) == 128 + signal.SIGTERM


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(PORT=port)
    assert ended.returncode == 1
    assert ended.stderr == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_production_does_not_start_without_its_settings() -> None:
    ended = run(ENVIRONMENT="production")
    assert ended.returncode == 78
    assert "SECRET_KEY, PUBLIC_URL must be set in production" in ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr


def test_check_is_quiet_about_what_is_well_and_names_what_is_not() -> None:
    well, ill = run("check"), run("check", PORT="eighty")
    assert (well.returncode, well.stdout.splitlines()[-1]) == (0, "ok")
    assert (ill.returncode, ill.stderr.splitlines()[0][:4]) == (1, "PORT")
