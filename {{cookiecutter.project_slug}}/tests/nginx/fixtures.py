"""The project behind a real nginx, by `nginx/up`, in a copy of its own."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60
"""How long to wait for what should take a moment: machines that test are busy."""


class Up:
    """A running `nginx/up`, its address, and the lines that it and its processes have written."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url, self.lines = process, url, list[str]()
        self.children = list[int]()
        """The processes that there were when it was told to end."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)

    def wait_for(self, found: Callable[[list[str]], bool]) -> None:
        """Wait until this is true of the lines so far."""
        deadline = time.monotonic() + SECONDS
        while not found(self.lines):
            if time.monotonic() > deadline:
                pytest.fail("not seen in the log:\n" + "".join(self.lines))
            time.sleep(0.02)

    def wait_for_line(self, text: str) -> str:
        self.wait_for(lambda lines: any(text in line for line in lines))
        return next(line for line in self.lines if text in line)

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each instance by its number, as last said."""
        return {
            found[1]: int(found[2])
            for line in list(self.lines)
            if (found := re.search(r"instance (\d+) is ready \(pid (\d+)\)", line))
        }

    def end(self, seconds: float = SECONDS) -> int:
        self.children = self.children or descendants(self.process.pid)
        self.process.terminate()
        return self.process.wait(seconds)

    @property
    def left(self) -> list[int]:
        """Those that are still there."""
        return [pid for pid in self.children if alive(pid)]


def descendants(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, found) for each in (child, *descendants(child))]


def alive(pid: int) -> bool:
    """Whether it runs; a process that only waits for its exit code to be read does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def project(folder: Path) -> Path:
    """A copy of what runs, so that nothing is written to the project and its `.env` is not read."""
    for part in ("app", "nginx"):
        shutil.copytree(
            ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
        )
    return folder


def free_port() -> int:
    """One that no outgoing connection has meanwhile: those get higher ones by themselves."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def started(root: Path, port: int, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, root / "nginx/up"],
        env=os.environ | {"PORT": str(port), "LOG_FORMAT": "json"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running(root: Path, **variables: str) -> Iterator[Up]:
    """`nginx/up` of the project in this folder, from when it serves."""
    port = free_port()
    with started(root, port, **variables) as process:
        up = Up(process, f"http://127.0.0.1:{port}")
        try:
            up.wait_for_line("serving on")
            yield up
        finally:
            if process.poll() is None:
                up.end()
            for pid in up.left:  # they would keep the pipe open, and the test waiting
                os.kill(pid, signal.SIGKILL)


def program(name: str) -> str:
    """Where it is installed; skips the test without it, but fails where all must be tested."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{name} is not installed")
    return found


def stop_seconds() -> int:
    """How long a process may take to end before it is killed, by the unit and by `nginx/up`."""
    unit = (ROOT / "nginx/systemd/app@.service").read_text()
    up = (ROOT / "nginx/processes.py").read_text()
    found = re.findall(r"^(?:TimeoutStopSec=|STOP_SECONDS = )(\d+)$", unit + up, re.M)
    assert len(found) == 2
    return min(map(int, found))


@pytest.fixture(scope="session")
def nginx() -> str:
    """The real one."""
    return program("nginx")


@pytest.fixture(scope="session")
def up(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The project as it is, two processes, for all tests of this run."""
    root = project(tmp_path_factory.mktemp("project"))
    with running(root, DRAIN_SECONDS="0.5") as up:
        yield up


@pytest.fixture
def proxied(up: Up) -> Iterator[httpx.Client]:
    """A client of the project through nginx."""
    with httpx.Client(base_url=up.url, timeout=SECONDS) as client:
        yield client


@pytest.fixture(scope="session")
def stand_in(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose service only tells what it was sent, and starts quickly."""
    root = project(tmp_path_factory.mktemp("stand-in"))
    shutil.rmtree(root / "app")
    (root / "app").mkdir()
    (root / "app/__init__.py").touch()  # else the installed project's package goes before it
    shutil.copy(ROOT / "app/supervisor.py", root / "app")
    shutil.copy(Path(__file__).parent / "stand_in.py", root / "app/__main__.py")
    return root


@pytest.fixture(scope="session")
def echo(stand_in: Path) -> Iterator[Up]:
    """That project behind nginx, to see what comes through."""
    with running(stand_in, WORKERS="1", PUBLIC_URL="http://example.com:81") as up:
        yield up


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files with a path short enough for sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
