"""A process that has answered much holds no more than one that has answered little."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from urllib.parse import urlsplit

from tests.combinations import ALL_ON, bake
from tests.conftest import clean_environment
from tests.probing import get
from tests.processes import Started, started
from tests.servers import await_
from tests.test_sockets import mebibytes

REQUESTS = int(os.environ.get("STEADY_REQUESTS", "24000"))
AT_ONCE, PIPELINED = 4, 25
MOST_MIB = 8
"""That the process may grow: not all that Python has freed goes back to the system."""
PROBE = """
import asyncio
import gc


class Held(Probe):
    def get(self) -> None:
        gc.collect()
        self.json({"tasks": len(asyncio.all_tasks()), "objects": len(gc.get_objects())})


ROUTES.append(("/held", Held))
"""
FORM = b"email=nobody%40example.com&password="
HEAD = b"Host: 127.0.0.1\r\n"
KINDS = [
    b"GET /hello?name=Ada HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET /nowhere HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET / HTTP/1.1\r\n" + HEAD + b"Accept: text/html\r\n\r\n",
    b"GET /auth/me HTTP/1.1\r\n" + HEAD + b"Cookie: session=unknown\r\n\r\n",
    b"GET /static/style.css?v=1 HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"POST /auth/login HTTP/1.1\r\n" + HEAD + b"Content-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(FORM), FORM),
]


def send(service: Started, requests: int) -> None:
    """Send so many over one connection, some at a time, and read every answer."""
    parts = urlsplit(service.url)
    address = (parts.hostname or "", parts.port or 0)
    with socket.create_connection(address, 30) as client, client.makefile("rb") as answers:
        for _ in range(requests // PIPELINED):
            kinds = [KINDS[number % len(KINDS)] for number in range(PIPELINED)]
            client.sendall(b"".join(kinds))
            for _ in kinds:
                read_answer(answers)


def read_answer(answers: BufferedReader) -> None:
    length = 0
    while (line := answers.readline()) != b"\r\n":
        assert line, "the connection is closed"
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    assert len(answers.read(length)) == length


def send_all(service: Started, requests: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda _: send(service, requests // AT_ONCE), range(AT_ONCE)))


@dataclass
class Held:
    """What the process holds when nobody is connected but who asks."""

    descriptors: int
    tasks: int
    objects: int
    memory: float

    @classmethod
    def by(cls, service: Started) -> "Held":
        told = get(service, "/held")[0].json()
        descriptors = len(os.listdir(f"/proc/{service.process.pid}/fd"))
        return cls(descriptors, told["tasks"], told["objects"], mebibytes(service))


def test_who_has_answered_much_holds_no_more(python: Path, tmp_path: Path) -> None:
    root = bake(ALL_ON, tmp_path)
    package = root / "app/health/__init__.py"
    package.write_text(package.read_text() + PROBE)
    settings = {"PORT": "0", "LOG_FORMAT": "json"}
    with started([str(python), "-m", "app"], root, clean_environment(**settings)) as service:
        send_all(service, REQUESTS // 3)
        before = Held.by(service)
        send_all(service, REQUESTS)
        await_(lambda: Held.by(service).descriptors <= before.descriptors, "the connections' end")
        after = Held.by(service)
    print(f"{REQUESTS} requests: {before}, then {after}")
    assert after.tasks <= before.tasks
    assert after.objects - before.objects < REQUESTS / 100
    assert after.memory - before.memory < MOST_MIB
