"""The life of the process: sockets, signals, draining."""

import asyncio
import gc
import os
import signal
import socket
import time

import structlog
from tornado import autoreload
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets, bind_unix_socket

from app.service import Service
from app.settings import Settings
from app.telemetry import DRAINING

MAX_BODY_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 16 * 1024
BODY_SECONDS = 30
IDLE_SECONDS = 75
GRACE_SECONDS = 1.0
"""How long new connections are still taken after readiness has gone: a proxy needs to notice."""

log = structlog.get_logger()


class ListenError(Exception):
    """The address cannot be listened on."""


async def serve(service: Service) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal stops at once."""
    settings = service.config
    stopping, kind = asyncio.Event(), list[signal.Signals]()
    sockets = listen(settings)
    async with service.running():
        _on_signals(stopping, kind)
        server = HTTPServer(
            service,
            xheaders=bool(settings.unix_socket),
            max_body_size=MAX_BODY_BYTES,
            max_buffer_size=2 * MAX_BODY_BYTES,
            max_header_size=MAX_HEADER_BYTES,
            body_timeout=BODY_SECONDS,
            idle_connection_timeout=IDLE_SECONDS,
        )
        server.add_sockets(sockets)
        log.info(
            "serving", address=settings.unix_socket or f"http://{settings.host}:{_port(sockets)}"
        )
        if settings.production:
            gc.freeze()
        else:
            autoreload.start()
        await stopping.wait()
        await _drain(service, server, grace=GRACE_SECONDS if kind[0] == signal.SIGTERM else 0)
    log.info("stopped")


def listen(settings: Settings) -> list[socket.socket]:
    """Bind before anything is started, so that a taken address is said at once."""
    try:
        if settings.unix_socket:
            return [bind_unix_socket(settings.unix_socket, mode=0o660)]
        return bind_sockets(settings.port, settings.host)
    except OSError as error:
        where = settings.unix_socket or f"{settings.host}:{settings.port}"
        raise ListenError(f"cannot listen on {where}: {os.strerror(error.errno or 0)}") from None


def _on_signals(stopping: asyncio.Event, kind: list[signal.Signals]) -> None:
    def stop(received: signal.Signals) -> None:
        if kind:
            os._exit(128 + received)
        kind.append(received)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)


async def _drain(service: Service, server: HTTPServer, grace: float) -> None:
    """Readiness goes first, then the listener, then, when each request is answered, the rest.

    Every answer meanwhile says `Connection: close`: behind a proxy that keeps connections, no
    request is lost and none runs twice.
    """
    deadline = time.monotonic() + service.config.drain_seconds
    log.info("draining", in_flight=len(service.in_flight))
    DRAINING.set(1)
    service.drain()
    await asyncio.sleep(min(grace, service.config.drain_seconds))
    server.stop()
    while service.in_flight and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    if service.in_flight:
        log.warning("requests cut off", requests=len(service.in_flight))
    await server.close_all_connections()


def _port(sockets: list[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1])
