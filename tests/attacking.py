"""A service that is attacked: how it is started, reached by raw bytes, and what is seen of it."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests import servers
from tests.conftest import clean_environment
from tests.probing import add_feature
from tests.processes import Started, started

SECONDS = {
    "app/server.py": {
        "BODY_SECONDS = 30": "BODY_SECONDS = 1",
        "IDLE_SECONDS = 75": "IDLE_SECONDS = 2",
    }
    | {"SEND_SECONDS = 30": "SEND_SECONDS = 1"},
    "nginx/limits.conf": {
        "header_timeout 10s": "header_timeout 1s",
        "body_timeout 10s": "body_timeout 1s",
    }
    | {"send_timeout 30s": "send_timeout 1s"},
}
"""Less patience, and one pool of connections to the service: each attack meets what follows."""
PROBE = '''
from app.handlers import Handler
from app.websocket.socket import Socket


class Echo(Handler):
    def post(self):
        self.json({"body": self.request.body.decode("latin1"), "form": len(self.form_values())})


class Broken(Handler):
    def get(self):
        raise ValueError("a secret")


class Unprepared(Handler):
    async def prepare(self):
        raise ValueError("a secret")


class Unrendered(Handler):
    def get(self):
        self.answer({"data": 0}, page="broken.html")


class Unopened(Socket):
    personal = False

    def admit(self):
        """Let anybody in."""

    def open(self):
        raise ValueError("a secret")


ROUTES = [("/echo", Echo), ("/broken/handler", Broken), ("/broken/prepare", Unprepared),
          ("/broken/template", Unrendered), ("/rooms/broken/socket", Unopened)]
'''
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
LARGE = 24 * 1024 * 1024
"""Bytes of a file that no kernel's buffers hold."""


def prepare(root: Path) -> Path:
    """Add handlers that echo and that fail, a large file, and less patience."""
    for path, changes in SECONDS.items():
        text = (root / path).read_text()
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        (root / path).write_text(text)
    add_feature(root, PROBE)
    (root / "app/templates/broken.html").write_text("{{ 1 / data }}")
    with (root / "app/templates/static/large.txt").open("wb") as file:
        file.truncate(LARGE)
    (root / "app/templates/static/.gitignore").write_text("[project]")
    (root / "app/templates/static/link.toml").symlink_to(root / "pyproject.toml")
    return root


@dataclass
class Target:
    """What is attacked at this port of the loopback, and all that it has logged."""

    name: str
    port: int
    started: Started

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, window: int = 0) -> socket.socket:
        connection = socket.socket()
        if window:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def answer(self, request: bytes) -> bytes:
        """All that comes back until the other side ends the connection."""
        with self.connect() as connection:
            return exchange(connection, request)

    def status(self, request: bytes) -> int | None:
        """The status of the answer, after which the connection is left."""
        got = b""
        with self.connect() as connection:
            with suppress(OSError):
                connection.sendall(request)
            with suppress(ConnectionResetError):
                while not STATUS.search(got) and (some := connection.recv(65536)):
                    got += some
        return next(iter(statuses(got)), None)

    def hello(self, name: str) -> None:
        """Ask as anybody does, and wait until that is in the service's log."""
        answer = httpx.get(f"{self.url}/hello?name={name}", timeout=30)
        assert answer.json() == {"message": f"Hello, {name}!"}
        self.await_logged("request", answer.headers["X-Request-ID"])

    def await_logged(self, event: str, request_id: str) -> None:
        said = (f'"event":"{event}"', f'"request_id":"{request_id}"')
        log = self.started.log
        servers.await_(lambda: any(all(s in line for s in said) for line in list(log)), event)

    @property
    def served(self) -> int:
        """How many requests for /hello the service itself has answered."""
        said = ('"event":"request"', '"path":"/hello"')
        return sum(all(s in line for s in said) for line in list(self.started.log))

    @property
    def connections(self) -> int:
        """How many there are on the side of the target."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        rows = (line.split() for line in lines)
        return sum(row[1].endswith(f":{self.port:04X}") and row[3] == "01" for row in rows)

    @property
    def resident(self) -> int:
        """Bytes of memory of all its processes."""
        pids = [self.started.process.pid, *descendants(self.started.process.pid)]
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def exchange(connection: socket.socket, request: bytes) -> bytes:
    """Closed before all was sent, there may still be an answer."""
    got = b""
    with suppress(OSError):
        connection.sendall(request)
    with suppress(ConnectionResetError):
        while some := connection.recv(65536):
            got += some
    return got


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(answers)]


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, children) for each in (child, *descendants(child))]


@contextmanager
def target(name: str, root: Path, python: Path) -> Iterator[Target]:
    """One process, reached directly, or nginx in front of it."""
    port = servers.free_port()
    path = f"{python.parent}:{os.environ['PATH']}:/usr/sbin"
    environment = clean_environment(
        PATH=path, PORT=str(port), LOG_FORMAT="json", DRAIN_SECONDS="0", WORKERS="1",
        PUBLIC_URL=f"http://127.0.0.1:{port}",
    )  # fmt: skip
    commands = {"direct": (["-m", "app"], '"serving"'), "nginx": (["nginx/up"], "serving on")}
    arguments, says = commands[name]
    with started([str(python), *arguments], root, environment, says=says) as process:
        yield Target(name, port, process)
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(30) == 0
