"""The base of every socket: who may open it, how it is written to, and how it ends."""

import asyncio
import socket
import sys
import time
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from typing import cast

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol

from app.addresses import scheme
from app.handlers import Guarded
from app.problems import Problem
from app.websocket.protocol import SESSION_ENDED, TRY_AGAIN_LATER, Protocol, check_handshake
from app.websocket.sockets import Sockets

MOST_READ_AHEAD = 65536
KERNEL_BUFFER = 1 << 17
"""Bytes that the system keeps for a client: left alone it takes megabytes for one that is slow."""
ASK_SECONDS = 60.0
"""How exactly a session is told that its socket is in use."""


class Socket(Guarded, WebSocketHandler):
    """A WebSocket for those who are known, closed when their session or the service ends.

    A subclass says what happens in `opened`, `received` and `left`, and writes with `send`, or
    with `replay` where it can wait.
    """

    personal = True

    def initialize(self) -> None:
        self.sockets = self.application.get(Sockets)
        self.limits = self.sockets.settings
        self.is_open, self.unsure, self.waiting = False, False, 0
        self._in_use, self._asked_at = False, time.monotonic()
        self._frames: list[bytes] = []

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
        if self.application.draining:
            raise Problem(503, "The service is about to stop.", {"Retry-After": "1"})
        check_handshake(self.request)
        self.check_site()
        self.sockets.admit(self)

    @property
    def must_ask(self) -> bool:
        """Whether the session may have ended unheard, or is in use, which keeps it alive."""
        ends = self.who.expires_at
        unsure = self.unsure or (ends is not None and ends <= datetime.now(UTC))
        return unsure or (self._in_use and time.monotonic() > self._asked_at + ASK_SECONDS)

    async def ask_again(self) -> None:
        """Go on with the session, or close where it has ended."""
        self.unsure = self._in_use = False
        try:
            who = await self.application.identify(self)
        except BaseException:
            self.unsure = True
            raise
        if who and who.session == self.who.session:
            self.current_user, self._asked_at = who, time.monotonic()
        else:
            self.close(SESSION_ENDED, "session ended")

    def check_site(self) -> None:
        """Refuse a page of our own name that was not fetched as we are: it may be forged.

        So is another site's that hides its name: Tornado would refuse that in a text of its own.
        """
        origin = self.request.headers.get("Origin")
        if not origin:
            ours = self.request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        else:
            ours = scheme(origin) == scheme(self.application.config.origin)
        self._only_if(ours)

    def check_origin(self, origin: str) -> bool:
        self._only_if(super().check_origin(origin))
        return True

    def _only_if(self, ours: bool) -> None:
        if not ours:
            raise Problem(403, "Sockets are not opened for pages of another site.")

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        protocol = cast(Protocol, super().get_websocket_protocol())
        return Protocol(self, False, protocol.params)

    async def open(self, *args: str, **kwargs: str) -> None:
        self._protocol = cast(Protocol, self.ws_connection)
        self._stream = self._protocol.stream
        self._socket = self._stream.socket
        room = self.max_message_size + MOST_READ_AHEAD  # a server's own limit may be below that
        self._stream.max_buffer_size = max(self._stream.max_buffer_size, room)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
        self.sockets.add(self)
        self.is_open, self.unsure = True, bool(self.who.session)  # it may have ended just now
        self.set_nodelay(True)
        try:
            await self.opened(*args, **kwargs)
            self._protocol.start_pinging()
        except WebSocketClosedError:
            return  # on_close follows
        except BaseException:  # on_close does not: Tornado only drops the connection
            self._free()
            raise

    async def on_message(self, message: str | bytes) -> None:
        """A message under way is waited for by the drain, as a request is."""
        if not self.is_open:
            return  # sent before the client read that it is closed
        self._in_use = bool(self.who.session)
        self.application.in_flight.add(self.request)
        try:
            await self.received(message)
        finally:
            self.application.in_flight.discard(self.request)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        self.write_frames()
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

    def send(self, frame: bytes) -> None:
        """Write a frame, with all others of this turn of the loop in one piece."""
        if self.is_open:
            if not self._frames:
                self.sockets.write_soon(self)
            self._frames.append(frame)

    async def replay(self, frames: list[bytes]) -> None:
        """Write these frames, each when the one before is on its way."""
        for frame in frames:
            if not self.is_open:  # nothing follows a close frame (RFC 6455, 5.5.1)
                raise WebSocketClosedError
            self._frames.append(frame)
            self.write_frames()
            await self._drained()

    async def _drained(self) -> None:
        """Return when all is on its way; who takes too long to read is closed."""
        try:
            async with asyncio.timeout(self.ping_interval or None):
                await self._stream.write(b"")
        except TimeoutError:
            self.close(TRY_AGAIN_LATER, "too slow")
        except StreamClosedError:
            raise WebSocketClosedError from None

    def write_frames(self) -> None:
        """Write what was sent: at once where nothing waits, which spares the stream's work."""
        if not self._frames:
            return
        frames, self._frames = self._frames, []
        data = b"".join(frames)
        try:
            sent = 0 if self._stream.writing() else self._socket.send(data)
        except OSError:  # it takes no more, or is broken, which the stream will find
            sent = 0
        if sent < len(data) and not self._stream.closed():
            self._wait_with(data[sent:], frames, sent)

    def _wait_with(self, data: bytes, frames: list[bytes], sent: int) -> None:
        """Leave the data to the stream; a client that does not keep up is closed instead.

        So much may wait as there may of all that waits, or else one message of any size. Of a
        frame that has begun the rest is sent, or the close frame would be taken for it.
        """
        if self.waiting + len(data) > max(self.sockets.most_waiting, *map(len, frames)):
            begun = next(end for end in accumulate(map(len, frames), initial=0) if end >= sent)
            self._stream.write(data[: begun - sent])
            self.close(TRY_AGAIN_LATER, "too slow")
        else:
            self.waiting += len(data)
            self._stream.write(data).add_done_callback(partial(self._written, len(data)))

    def _written(self, size: int, future: "asyncio.Future[None]") -> None:
        self.waiting -= size

    async def opened(self, *args: str, **kwargs: str) -> None:
        """The socket is open; messages are received when this has returned."""

    async def received(self, message: str | bytes) -> None:
        """The client has sent this."""

    def left(self) -> None:
        """The socket closes, for whatever reason: nothing can be sent any more."""
