"""Clients of rooms, for tests."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.web import RequestHandler
from tornado.websocket import WebSocketClientConnection, websocket_connect

from app.service import Identity
from tests.conftest import Client

SECONDS = 20


class Peer:
    """One end of an open socket."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection

    async def send(self, message: str | bytes) -> None:
        await self.connection.write_message(message, binary=isinstance(message, bytes))

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.send(orjson.dumps({"type": "say", "text": text}).decode())

    async def read(self) -> dict[str, Any] | None:
        """The next message, or None when the socket is closed."""
        async with asyncio.timeout(SECONDS):
            received = await self.connection.read_message()
        return None if received is None else dict(orjson.loads(received))

    async def next(self, kind: str = "message") -> dict[str, Any]:
        """The next message of this type."""
        while message := await self.read():
            if message["type"] == kind:
                return message
        raise AssertionError(f"closed with {self.connection.close_code}, and no {kind} before it")

    async def texts(self, number: int) -> list[str]:
        return [(await self.next())["text"] for _ in range(number)]

    async def sees(self, *who: str) -> None:
        """Return when exactly these are said to be present."""
        while (await self.next("presence"))["who"] != list(who):
            pass

    async def sees_so_many(self, number: int) -> int:
        """Return when so many are said to be present: how often others were said before."""
        told = 1
        while len((await self.next("presence"))["who"]) != number:
            told += 1
        return told

    async def end(self) -> int | None:
        """Wait for the end; the close code."""
        while await self.read():
            pass
        return self.connection.close_code

    async def codes(self, *messages: str | bytes) -> list[str]:
        """The codes of the errors with which these are answered."""
        for message in messages:
            await self.send(message)
        return [(await self.next("error"))["code"] for _ in messages]

    def leave(self) -> None:
        self.connection.close()

    def vanish(self) -> None:
        """Drop the connection without a word."""
        if self.connection.protocol and self.connection.protocol.stream:
            self.connection.protocol.stream.close()


async def enter(client: Client, who: str = "", room: str = "lobby", **headers: str) -> Peer:
    """Open a socket of the room (and `?after=…`) under this name."""
    room, _, query = room.partition("?")
    url = f"{client.base_url}/rooms/{room}/socket?{query}".replace("http", "ws", 1)
    if who:
        client.service.identify = by_header
        headers["X-Who"] = client.headers["X-Who"] = who
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with asyncio.timeout(SECONDS):
        return Peer(await websocket_connect(HTTPRequest(url, headers=sent)))


async def refused(
    client: Client, who: str = "", room: str = "lobby", **headers: str
) -> tuple[dict[str, Any], HTTPResponse]:
    """The problem that this handshake is answered with, and the answer."""
    with pytest.raises(HTTPClientError) as caught:
        await enter(client, who, room, **headers)
    answer = caught.value.response
    assert answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    return orjson.loads(answer.body), answer


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition is another's
            await asyncio.sleep(0.005)


async def by_header(handler: RequestHandler) -> Identity | None:
    """Believe in the header `X-Who`; the session has the name, too."""
    name = handler.request.headers.get("X-Who")
    return Identity(id=name, name=name, session=f"of {name}") if name else None
