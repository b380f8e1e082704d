"""A client of sockets that does nothing by itself: what it sends is made by hand."""

import asyncio
import socket
import struct
from typing import Any

import orjson

from tests.conftest import Client

HANDSHAKE = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
TEXT, CONTINUATION, BINARY, CLOSE, PING = 0x1, 0x0, 0x2, 0x8, 0x9


def open_raw(client: Client, path: str = "/rooms/lobby/socket", **headers: str) -> socket.socket:
    """A connection whose handshake is sent, and which takes in little."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((client.base_url.host, client.base_url.port))
    lines = [f"GET {path} HTTP/1.1", *(f"{k}: {v}" for k, v in (HANDSHAKE | headers).items())]
    raw.sendall("\r\n".join([*lines, "", ""]).encode())
    raw.setblocking(False)
    return raw


def masked(opcode: int, data: bytes = b"", last: bool = True, compressed: bool = False) -> bytes:
    """A frame of a client; its mask is zero."""
    first = opcode | 0x80 * last | 0x40 * compressed
    if len(data) < 126:
        head = struct.pack("!BB", first, 0x80 | len(data))
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, len(data))
    return head + bytes(4) + data


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame of the server."""
    return struct.pack("!BBH", 0x88, 2 + len(reason), code) + reason.encode()


async def read_until(raw: socket.socket, frame: bytes) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    async with asyncio.timeout(10):
        while not data.endswith(frame):
            part = await loop.sock_recv(raw, 1 << 20)
            assert part, f"ended with {data[-100:]!r}"
            data += part
    return data


def frames_in(data: bytes) -> list[tuple[int, bytes]]:
    """The frames, each by its opcode, in what a server sent, from its handshake on."""
    data, frames = data.partition(b"\r\n\r\n")[2], []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        frames.append((data[0] & 0xF, data[start : start + size]))
        data = data[start + size :]
    return frames


def messages_in(data: bytes) -> list[dict[str, Any]]:
    """The text messages in it."""
    return [orjson.loads(message) for kind, message in frames_in(data) if kind == TEXT]


async def read_all(raw: socket.socket) -> bytes:
    """What comes until the end of the connection, which is ours to end after a close frame."""
    loop, data = asyncio.get_running_loop(), b""
    async with asyncio.timeout(10):
        while part := await loop.sock_recv(raw, 1 << 20):
            data += part
            if any(data[-2 - size : -size] == bytes((0x88, size)) for size in range(2, 126)):
                raw.shutdown(socket.SHUT_WR)
    return data


async def answer_to(raw: socket.socket, *frames: bytes, until: bytes) -> bytes:
    """Send the frames, and read what comes until this has come."""
    await asyncio.get_running_loop().sock_sendall(raw, b"".join(frames))
    return await read_until(raw, until)
