"""The life of the process: sockets, signals, draining."""

import asyncio
import errno
import gc
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from tornado import autoreload
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets, bind_unix_socket

from app.service import Service
from app.settings import Settings
from app.supervisor import supervised

MAX_BODY_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 16 * 1024
BODY_SECONDS = 30
IDLE_SECONDS = 75
SEND_SECONDS = 30
"""How long an answer waits for a client that does not read it."""
BACKLOG = 1024
"""Connections that wait to be taken: on a unix socket those over that are refused at once."""
GRACE_SECONDS = 1.0
"""How long new connections are still taken after readiness has gone: a proxy needs to notice."""
GC_OBJECTS = 10_000
"""How many new objects are looked through at once: Python's 700 take a twentieth of the time."""
REST_SECONDS = 1.0
"""How long no connection is taken after there was no descriptor left for one."""

log = structlog.get_logger()


class ListenError(Exception):
    """The address cannot be listened on."""


async def serve(service: Service) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal stops at once."""
    sockets = listen(service.config)
    stop = _on_signals()
    async with supervised(service), service.running(), listening(service, sockets):
        log.info("serving", address=_address(service.config, sockets))
        if service.config.production:
            gc.freeze()
            gc.set_threshold(GC_OBJECTS)
        else:
            _reload_on_change()
        await stop.wait()
    log.info("stopped")


def _reload_on_change() -> None:
    """Start again when a file of the service changes: modules are watched without being named."""
    for path in Path(__file__).parent.rglob("*.*"):
        if path.suffix not in (".py", ".pyc"):
            autoreload.watch(str(path))
    autoreload.start()


def listen(settings: Settings) -> list[socket.socket]:
    """Bind before anything is started, so that a taken address is said at once."""
    try:
        if settings.unix_socket:
            bound = [_bind_unix(settings.unix_socket)]
        else:
            bound = bind_sockets(settings.port, settings.host, backlog=BACKLOG)
        return [Listener(fileno=each.detach()) for each in bound]
    except (OSError, ValueError) as error:
        where = settings.unix_socket or f"{settings.host}:{settings.port}"
        reason = getattr(error, "strerror", None) or error
        raise ListenError(f"cannot listen on {where}: {reason}") from None


def _bind_unix(path: str) -> socket.socket:
    """A socket that is not yet where others look for it, which takes the place of a former one."""
    if os.path.exists(path) and not stat.S_ISSOCK(os.stat(path).st_mode):
        raise ValueError("a file is there that is no socket")
    return bind_unix_socket(_early(path), mode=0o660, backlog=BACKLOG)


def _early(path: str) -> str:
    return f"{path}.new"


class Listener(socket.socket):
    """Rests for a while when there is no descriptor for a new connection, which can wait.

    It stays to be read otherwise, and the loop would do nothing but try again and log that.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            log.error("no new connections for now", reason=error.strerror)
            IOLoop.current().update_handler(self, 0)
            IOLoop.current().call_later(REST_SECONDS, self._go_on)
            raise BlockingIOError from None  # as if nobody were there

    def _go_on(self) -> None:
        if self.fileno() >= 0:  # closed meanwhile
            IOLoop.current().update_handler(self, IOLoop.READ)


class Server(HTTPServer):
    """Sends what is written at once, and does not ask the system anew for that with each answer.

    Tornado does, twice: a twentieth of the time that a small request takes.
    """

    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        stream.set_nodelay(True)
        stream.set_nodelay = _already  # type: ignore[method-assign]
        super().handle_stream(stream, address)


def _already(value: bool) -> None:
    """It is so."""


@asynccontextmanager
async def listening(service: Service, sockets: list[socket.socket]) -> AsyncIterator[HTTPServer]:
    """Answer on the sockets while the block lasts, then drain."""
    server = Server(
        service,
        max_body_size=MAX_BODY_BYTES,
        max_buffer_size=2 * MAX_BODY_BYTES,
        max_header_size=MAX_HEADER_BYTES,
        body_timeout=BODY_SECONDS,
        idle_connection_timeout=IDLE_SECONDS,
    )
    server.add_sockets(sockets)
    for each in sockets:
        _limit_waiting(each)
    if path := service.config.unix_socket:
        os.rename(_early(path), path)  # whoever asks there is answered
    service.serving.send(None)
    try:
        yield server
    finally:
        await _drain(service, server)


def _limit_waiting(listener: socket.socket) -> None:
    """Let the system end connections that take nothing, which Tornado waits for without end."""
    if sys.platform == "linux" and listener.family != socket.AF_UNIX:
        milliseconds = int(SEND_SECONDS * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


async def _drain(service: Service, server: HTTPServer) -> None:
    """Readiness goes first, then the listener, then, when each request is answered, the rest.

    Every answer meanwhile says `Connection: close`: behind a proxy that keeps connections, no
    request is lost and none runs twice.
    """
    log.info("draining", requests=len(service.in_flight))
    service.drain()
    try:
        async with asyncio.timeout(service.seconds_left()):
            await asyncio.sleep(GRACE_SECONDS)
            server.stop()
            while service.in_flight:  # noqa: ASYNC110 - answers end in many places
                await asyncio.sleep(0.02)
    except TimeoutError:
        server.stop()
        if service.in_flight:
            log.warning("requests cut off", requests=len(service.in_flight))
    await server.close_all_connections()


def _on_signals() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second one ends the process."""
    stop = asyncio.Event()

    def receive(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, receive, number)
    return stop


def _address(settings: Settings, sockets: list[socket.socket]) -> str:
    return settings.unix_socket or f"http://{settings.netloc(sockets[0].getsockname()[1])}"
