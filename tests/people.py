"""People in rooms, for tests: clients that keep what they hear."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from tests.processes import Started


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
        self.is_in = False

    async def enter(self, service: Started, after: str | None = None) -> "Person":
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
