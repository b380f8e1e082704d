"""One chat room in a few lines of each peer, with the work that the project's own room does.

Usage: python peers.py naive|aiohttp|websockets ADDRESS, with the address a port or the path of a
unix socket. Each takes {"type": "say", "text"}, gives the message an id and a time, and sends it to
all. They all run on uvloop, as the project does.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import aiohttp.web
import tornado.httpserver
import tornado.web
import tornado.websocket
import uvloop
import websockets

ROOM = "/rooms/lobby/socket"
members: dict[Any, None] = {}
"""In the order of their coming, which is that of the crowd."""


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
        members[self] = None

    def on_message(self, message: str | bytes) -> None:
        text = answer(message)
        for member in list(members):
            member.write_message(text)

    def on_close(self) -> None:
        members.pop(self, None)


async def naive(listener: socket.socket) -> None:
    app = tornado.web.Application([(ROOM, Naive)], log_function=lambda _: None)
    tornado.httpserver.HTTPServer(app).add_socket(listener)
    await asyncio.Event().wait()


async def of_aiohttp(listener: socket.socket) -> None:
    async def room(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        member = aiohttp.web.WebSocketResponse(compress=False)
        await member.prepare(request)
        members[member] = None
        async for message in member:
            text = answer(message.data)
            for other in list(members):
                await other.send_str(text)
        members.pop(member, None)
        return member

    app = aiohttp.web.Application()
    app.router.add_get(ROOM, room)
    runner = aiohttp.web.AppRunner(app, access_log=None)
    await runner.setup()
    await aiohttp.web.SockSite(runner, listener).start()
    await asyncio.Event().wait()


async def of_websockets(listener: socket.socket) -> None:
    async def room(member: websockets.ServerConnection) -> None:
        members[member] = None
        async for message in member:
            websockets.broadcast(members, answer(message))
        members.pop(member, None)

    async with websockets.serve(room, sock=listener, compression=None):
        await asyncio.Event().wait()


PEERS: dict[str, Callable[[socket.socket], Coroutine[Any, Any, None]]] = {
    "naive": naive,
    "aiohttp": of_aiohttp,
    "websockets": of_websockets,
}


def listener(address: str) -> socket.socket:
    """A listening socket, of a port or of a path."""
    if address.isdigit():
        listening = socket.create_server(("127.0.0.1", int(address)), backlog=1024)
    else:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(address)
        listening.listen(1024)
    listening.setblocking(False)
    return listening


if __name__ == "__main__":
    uvloop.run(PEERS[sys.argv[1]](listener(sys.argv[2])))
