"""One chat room in a few lines of each peer, with the work that the project's own room does.

Usage: python peers.py naive|aiohttp|websockets PORT. Each takes {"type": "say", "text"}, gives the
message an id and a time, and sends it to all. They all run on uvloop, as the project does.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import aiohttp.web
import tornado.web
import tornado.websocket
import uvloop
import websockets

ROOM = "/rooms/lobby/socket"
members: set[Any] = set()


def answer(message: str | bytes) -> str:
    """What everybody is sent."""
    said, now = json.loads(message), time.time()
    assert said["type"] == "say"
    document = {
        "type": "message",
        "id": f"{now * 1000:.0f}-0",
        "room": "lobby",
        "who": "guest",
        "text": said["text"],
        "at": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
    }
    return json.dumps(document)


class Naive(tornado.websocket.WebSocketHandler):
    def open(self) -> None:
        self.set_nodelay(True)
        members.add(self)

    def on_message(self, message: str | bytes) -> None:
        text = answer(message)
        for member in list(members):
            member.write_message(text)

    def on_close(self) -> None:
        members.discard(self)


async def naive(port: int) -> None:
    tornado.web.Application([(ROOM, Naive)], log_function=lambda _: None).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


async def of_aiohttp(port: int) -> None:
    async def room(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        member = aiohttp.web.WebSocketResponse(compress=False)
        await member.prepare(request)
        members.add(member)
        async for message in member:
            text = answer(message.data)
            for other in list(members):
                await other.send_str(text)
        members.discard(member)
        return member

    app = aiohttp.web.Application()
    app.router.add_get(ROOM, room)
    runner = aiohttp.web.AppRunner(app, access_log=None)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def of_websockets(port: int) -> None:
    async def room(member: websockets.ServerConnection) -> None:
        members.add(member)
        async for message in member:
            websockets.broadcast(members, answer(message))
        members.discard(member)

    async with websockets.serve(room, "127.0.0.1", port, compression=None):
        await asyncio.Event().wait()


PEERS: dict[str, Callable[[int], Coroutine[Any, Any, None]]] = {
    "naive": naive,
    "aiohttp": of_aiohttp,
    "websockets": of_websockets,
}

if __name__ == "__main__":
    uvloop.run(PEERS[sys.argv[1]](int(sys.argv[2])))
