"""The base of every socket: who may open it, how it is written to, and how it ends."""

import sys
from asyncio import Future
from contextlib import suppress
from functools import partial
from typing import Any

from tornado.websocket import WebSocketClosedError, WebSocketHandler

from app.handlers import Guarded
from app.problems import Problem
from app.websocket.sockets import TRY_AGAIN_LATER, Sockets

MOST_QUEUED = 1024 * 1024
"""Bytes that may wait for a client; one that falls behind further is closed."""


class Socket(Guarded, WebSocketHandler):
    """A WebSocket for those who are known, closed when their session or the service ends.

    A subclass says what happens in `opened`, `received` and `left`, and writes with `send`, or
    with `replay` where it can wait.
    """

    personal = True

    def initialize(self) -> None:
        self.sockets = self.application.get(Sockets)
        self.limits = self.sockets.settings
        self.is_open, self._queued = False, 0

    @property
    def address(self) -> str:
        return self.request.remote_ip or ""

    @property
    def ping_interval(self) -> float:
        return self.limits.websocket_ping_seconds

    @property
    def max_message_size(self) -> int:
        return self.limits.websocket_message_bytes or sys.maxsize

    async def get(self, *args: str, **kwargs: str) -> None:
        self.admit(*args, **kwargs)
        await super().get(*args, **kwargs)

    def admit(self, *args: str, **kwargs: str) -> None:
        """Raise the problem that keeps this request from becoming a socket."""
        self.session = self.who.session
        if self.application.draining:
            raise Problem(503, "The service is about to stop.", {"Retry-After": "1"})
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise Problem(426, "Only WebSocket is spoken here.", {"Upgrade": "websocket"})
        self.sockets.admit(self.address)

    def check_origin(self, origin: str) -> bool:
        if not super().check_origin(origin):
            raise Problem(403, "Sockets are not opened for pages of another site.")
        return True

    async def open(self, *args: str, **kwargs: str) -> None:
        self.sockets.add(self)
        self.is_open = True
        self.set_nodelay(True)
        try:
            await self.opened(*args, **kwargs)
        except WebSocketClosedError:
            return  # on_close follows
        except BaseException:  # on_close does not: Tornado only drops the connection
            self._free()
            raise

    async def on_message(self, message: str | bytes) -> None:
        """A message under way is waited for by the drain, as a request is."""
        if not self.is_open:
            return  # sent before the client read that it is closed
        self.application.in_flight.add(self.request)
        try:
            await self.received(message)
        finally:
            self.application.in_flight.discard(self.request)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        super().close(code, reason)
        self._free()

    def on_close(self) -> None:
        self._free()

    def _free(self) -> None:
        """Let go of everything, once: when closing begins, as the peer may never answer."""
        if self.is_open:
            self.is_open = False
            self.sockets.remove(self)
            self.left()

    def send(self, message: bytes) -> None:
        """Write a text message (UTF-8), or close a client that does not keep up."""
        if self._queued > MOST_QUEUED:
            self.close(TRY_AGAIN_LATER, "too slow")
            return
        with suppress(WebSocketClosedError):
            self._write(message)

    async def replay(self, messages: list[bytes]) -> None:
        """Write these text messages and wait until they are on their way."""
        written = [self._write(message) for message in messages]
        if written:
            await written[-1]

    def _write(self, message: bytes) -> "Future[None]":
        """The one place that writes; raises `WebSocketClosedError`."""
        future = self.write_message(message)
        self._queued += len(message)
        future.add_done_callback(partial(self._written, len(message)))
        return future

    def _written(self, size: int, future: "Future[Any]") -> None:
        self._queued -= size
        if not future.cancelled():
            future.exception()  # the peer is gone, which on_close tells

    async def opened(self, *args: str, **kwargs: str) -> None:
        """The socket is open; messages are received when this has returned."""

    async def received(self, message: str | bytes) -> None:
        """The client has sent this."""

    def left(self) -> None:
        """The socket closes, for whatever reason: nothing can be sent any more."""
