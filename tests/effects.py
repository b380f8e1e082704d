"""Slow requests with an effect, clients that send them without a pause, and what became of each."""

import threading
from collections import Counter
from itertools import count
from pathlib import Path

import httpx

CLIENTS = 8
PROBE = """
import asyncio
import os


class Effect(Handler):
    async def post(self) -> None:
        self.note("begun")
        await asyncio.sleep(0.3)
        self.note("done")
        self.json({"id": self.get_query_argument("id")})

    def note(self, step: str) -> None:
        with open(os.environ["EFFECTS"], "a") as file:
            file.write(f"{step} {self.get_query_argument('id')} {os.getpid()}\\n")


ROUTES.append(("/effect", Effect))
"""


def add_probe(root: Path) -> None:
    """Give the baked project the route `/effect`, whose effect is a line in the file EFFECTS."""
    package = root / "app/home/__init__.py"
    package.write_text(package.read_text() + PROBE)


class Effects:
    """What the processes have noted."""

    def __init__(self, file: Path) -> None:
        lines = [line.split() for line in file.read_text().splitlines()]
        self.begun = {id: int(pid) for step, id, pid in lines if step == "begun"}
        self.done = {id for step, id, _ in lines if step == "done"}
        self.twice = [each for each, times in Counter(map(tuple, lines)).items() if times > 1]
        ids = Counter(id for step, id, _ in lines if step == "begun")
        self.twice += [(id,) for id, times in ids.items() if times > 1]


class Load:
    """Clients with keep-alive that send requests, each with an id of its own, in this block."""

    ids = count(1)

    def __init__(self, url: str) -> None:
        self.acknowledged: set[str] = set()
        self.failed: dict[str, str] = {}
        self._url, self._stop = url, threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]

    @property
    def sent(self) -> int:
        return len(self.acknowledged) + len(self.failed)

    def _send(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stop.is_set():
                id = str(next(self.ids))
                if failure := self._failure(client, id):
                    self.failed[id] = failure
                    self._stop.wait(0.1)
                else:
                    self.acknowledged.add(id)

    def _failure(self, client: httpx.Client, id: str) -> str:
        try:
            answer = client.post("/effect", params={"id": id})
        except httpx.TransportError as error:
            return repr(error)
        return "" if answer.status_code == 200 else str(answer.status_code)

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
