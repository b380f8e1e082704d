"""Sockets through nginx."""

import socket
from urllib.parse import urlsplit

import httpx
import orjson
from tornado.httpclient import HTTPClientError
from tornado.websocket import websocket_connect

from tests.nginx.fixtures import SECONDS, Up

UPGRADE = (
    b"GET /rooms/hall/socket HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)


def test_an_upgrade_is_passed_on_for_a_room_and_not_elsewhere(echo: Up) -> None:
    room = upgraded(echo, UPGRADE)
    elsewhere = upgraded(echo, UPGRADE.replace(b"/socket", b"/other"))
    told = httpx.get(echo.url + "/rooms/hall/socket").json()
    assert room.startswith(b"HTTP/1.1 101 ")
    assert room.endswith(b"\r\n\r\nhello\n")
    assert elsewhere.startswith(b"HTTP/1.1 200 ")
    assert "connection" not in {name.lower() for name, _ in told}
    assert ["X-Real-IP", "127.0.0.1"] in told


def upgraded(up: Up, request: bytes) -> bytes:
    """All that comes back for the request and a line after it."""
    address = urlsplit(up.url)
    with socket.create_connection((address.hostname or "", address.port or 0), SECONDS) as client:
        client.sendall(request)
        start = client.recv(65536)
        client.sendall(b"hello\n")
        return start + client.makefile("rb").read()


async def test_a_room_is_reached(up: Up) -> None:
    """Where the service wants to know who comes it says so, which is an answer of the room, too."""
    try:
        room = await websocket_connect(up.url.replace("http:", "ws:") + "/rooms/hall/socket")
    except HTTPClientError as refused:
        answer = refused
    else:
        await room.write_message('{"type": "say", "text": "hello"}')
        while (message := orjson.loads(await room.read_message() or ""))["type"] != "message":
            pass
        room.close()
        assert message["text"] == "hello"
        return
    assert answer.code == 401
