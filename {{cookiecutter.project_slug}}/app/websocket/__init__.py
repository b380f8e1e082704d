"""Chat rooms over WebSocket, with history and presence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from app.websocket.handlers import Messages, RoomPage, RoomSocket
from app.websocket.rooms import Rooms
from app.websocket.settings import WebsocketSettings
from app.websocket.sockets import Sockets

if TYPE_CHECKING:
    from app.service import Service

SETTINGS = WebsocketSettings
ROOM = "/rooms/([A-Za-z0-9_-]{1,64})"
ROUTES = [
    (ROOM, RoomPage),
    (f"{ROOM}/messages", Messages),
    (f"{ROOM}/socket", RoomSocket),
]

log = structlog.get_logger()


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Bring the open sockets, which end with their sessions and the service, and the rooms."""
    sockets = service.provide(Sockets(service.get(WebsocketSettings)))
    service.stopping.connect(sockets.going_away)
    service.session_ended.connect(sockets.session_ended)
    service.sessions_unsure.connect(sockets.sessions_unsure)
    if service.backend == "memory" and service.config.instance != 1:  # not the only process
        log.warning("rooms are kept in the memory of this process: other processes have their own")
    rooms = service.provide(service.backend_of(__name__).Rooms(service), Rooms)
    async with sockets.watching(), rooms.running():
        yield
