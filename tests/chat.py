"""A chat over real processes, and the people in it, who keep what they hear."""

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from tests.combinations import bake
from tests.conftest import clean_environment
from tests.processes import Started, started
from tests.servers import RedisServer, redis_server

PROBE = """
import asyncio

from app.handlers import Handler


class Probe(Handler):
    def get(self) -> None:
        rooms = len(self.application.get(Rooms).rooms)
        self.json({"rooms": rooms, "tasks": len(asyncio.all_tasks())})


ROUTES.append(("/probe", Probe))
"""


def bake_chat(folder: Path) -> Path:
    """A project with rooms on Redis and nothing else, which tells at `/probe` what it holds."""
    root = bake(frozenset({"redis", "websocket"}), folder)
    package = root / "app/websocket/__init__.py"
    package.write_text(package.read_text() + PROBE)
    return root


@dataclass
class Site:
    """A Redis server, and a way to start processes that share it."""

    redis: RedisServer
    start: Callable[..., Started]


@contextmanager
def running(project: Path, python: Path, folder: Path) -> Iterator[Site]:
    """A site; its processes end with the block."""
    with ExitStack() as stack, redis_server(folder) as redis:

        def start(**more: str) -> Started:
            environment = {
                "ENVIRONMENT": "production",
                "PUBLIC_URL": "http://127.0.0.1",
                "SECRET_KEY": "k" * 40,
                "PORT": "0",
                "REDIS_URL": redis.url,
                "WEBSOCKET_MESSAGES_PER_MINUTE": "0",
            }
            command = [str(python), "-m", "app"]
            known = clean_environment(**environment | more)
            return stack.enter_context(started(command, project, known))

        yield Site(redis, start)


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that is a coroutine."""

    @functools.wraps(test)
    def run(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(test(*arguments, **fixtures))

    return run


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait, with the loop running, until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Person:
    """What one has heard, over all the sockets that one has had in a room."""

    def __init__(self, room: str = "lobby") -> None:
        self.room = room
        self.heard: list[str] = []
        """Texts, and the word `reset` where there was one."""
        self.ids: list[str] = []
        self.who: list[str] = []
        self.errors: list[str] = []
        self.codes: list[int | None] = []
        """With which each socket was closed."""
        self.is_in = False

    async def enter(self, service: Started, after: str | None = None) -> Self:
        """Open a socket, be it the first or not, and return when one is shown to be present."""
        address = service.url.replace("http", "ws", 1)
        query = f"?after={after}" if after else ""
        self.who = []
        self._socket = await websocket_connect(f"{address}/rooms/{self.room}/socket{query}")
        self._listening = asyncio.create_task(self._listen(self._socket))
        await until(lambda: bool(self.who))
        return self

    async def come_back(self, service: Started) -> None:
        """Wait for the end of the socket, and enter elsewhere with the last that one heard."""
        await until(lambda: not self.is_in)
        await self.enter(service, after=self.ids[-1])

    async def leave(self) -> None:
        self._socket.close()
        await self._listening

    async def say(self, text: str) -> None:
        with suppress(WebSocketClosedError):
            await self._socket.write_message(json.dumps({"type": "say", "text": text}))

    async def insist(self, text: str) -> None:
        """Say it, and again whenever that is answered by an error, until it is heard."""
        while text not in self.heard:
            await self.say(text)
            await self.refused(or_hears=text)

    async def refused(self, or_hears: str = "") -> None:
        """Wait for one more error."""
        known = len(self.errors)
        await until(lambda: or_hears in self.heard or len(self.errors) > known)

    async def hears(self, text: str) -> None:
        await until(lambda: text in self.heard)

    async def _listen(self, socket: WebSocketClientConnection) -> None:
        self.is_in = True
        while received := await socket.read_message():
            self._take(json.loads(received))
        self.codes.append(socket.close_code)
        self.is_in = False

    def _take(self, message: dict[str, str]) -> None:
        match message:
            case {"type": "message", "text": text, "id": id}:
                self.heard.append(text)
                self.ids.append(id)
            case {"type": "reset"}:
                self.heard.append("reset")
            case {"type": "presence", "who": who}:
                self.who = list(who)
            case {"type": "error", "code": code}:
                self.errors.append(code)
