"""RFC 6455, where Tornado leaves something to be said: ready frames, close codes, handshakes."""

import asyncio
import binascii
import socket
import struct
import sys
import zlib
from base64 import b64decode
from contextlib import suppress
from typing import Any, cast

from tornado.httputil import HTTPServerRequest
from tornado.websocket import WebSocketProtocol13

from app.problems import Problem

GOING_AWAY, PROTOCOL_ERROR, INVALID_DATA, POLICY_VIOLATION = 1001, 1002, 1007, 1008
INTERNAL_ERROR, TRY_AGAIN_LATER, SESSION_ENDED = 1011, 1013, 4401
"""Close codes, by their names in RFC 6455 and its registry; from 4000 on they are our own."""
SENDABLE = {*range(1000, 1004), *range(1007, 1016)} - {1015}
"""Codes below 3000 that may be sent; the others are reserved, or only for local use (7.4.1)."""


TEXT, BINARY = 0x1, 0x2


LINGER_SECONDS = 2.0


def frame(message: bytes, kind: int = TEXT) -> bytes:
    """A message (text is UTF-8) as it goes over the wire: one frame, which is not compressed."""
    first, size = 0x80 | kind, len(message)
    if size < 126:
        return struct.pack("!BB", first, size) + message
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + message
    return struct.pack("!BBQ", first, 127, size) + message


def check_handshake(request: HTTPServerRequest) -> None:
    """Raise the problem that keeps the request from being an opening handshake (RFC 6455, 4.2)."""
    headers = request.headers
    if headers.get("Upgrade", "").lower() != "websocket":
        raise Problem(426, "Only WebSocket is spoken here.", {"Upgrade": "websocket"})
    if headers.get("Sec-WebSocket-Version") != "13":
        raise Problem(426, "Version 13 is spoken here.", {"Sec-WebSocket-Version": "13"})
    connection = {option.strip().lower() for option in headers.get("Connection", "").split(",")}
    if "upgrade" not in connection or not _is_key(headers.get("Sec-WebSocket-Key", "")):
        raise Problem(400, "This is no WebSocket handshake.")


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


class Protocol(WebSocketProtocol13):
    """Tornado's, which also says why it fails a connection, and checks the code that it echoes."""

    def start_pinging(self) -> None:
        """Begin when the handler has opened, as Tornado hears no answer before."""
        if cast(Any, self.handler).is_open:
            super().start_pinging()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Answer a close code that may not be on the wire as a protocol error."""
        if self.client_terminated and code is not None and not _may_be_sent(code):
            code = PROTOCOL_ERROR
        super().close(code, reason)

    def _abort(self) -> None:
        """Fail the connection, and say why if the peer can still hear it (RFC 6455, 7.1.7)."""
        if self.stream is None:  # the extensions that are asked for make no sense
            raise Problem(400, "This is no WebSocket handshake.")
        if not self.stream.closed():
            if not self.is_closing():
                super().close(_reason(sys.exception()))
            with suppress(OSError):  # no descriptor is left
                linger(self.stream.socket.dup())
        super()._abort()


def linger(connection: socket.socket) -> None:
    """Take in what still comes, for a while: to close at once would reset the connection, and a
    peer that is sending would not hear why (RFC 9112, 9.6)."""
    task = asyncio.create_task(_drain(connection))
    _lingering.add(task)
    task.add_done_callback(_lingering.discard)


_lingering = set[asyncio.Task[None]]()


async def _drain(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with connection, suppress(OSError, TimeoutError):
        connection.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(LINGER_SECONDS):
            while await loop.sock_recv(connection, 65536):
                pass


def _may_be_sent(code: int) -> bool:
    return code in SENDABLE or 3000 <= code < 5000


def _reason(error: BaseException | None) -> int:
    """The close code for an error that was raised, or for what the protocol does not allow."""
    if isinstance(error, UnicodeDecodeError | zlib.error):
        return INVALID_DATA
    return INTERNAL_ERROR if error else PROTOCOL_ERROR
