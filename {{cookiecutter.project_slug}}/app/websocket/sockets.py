"""The open sockets of this process: how many there may be, and when they must end."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from app.addresses import network
from app.metrics import Gauge
from app.problems import Problem
from app.websocket.protocol import GOING_AWAY, SESSION_ENDED
from app.websocket.settings import WebsocketSettings

if TYPE_CHECKING:
    from app.websocket.socket import Socket

OPEN = Gauge("websocket_sockets", "Open sockets", multiprocess_mode="livesum")
RETRY_SECONDS = 60
WATCH_SECONDS = 1.0
"""How often the watch looks for sessions that have expired: a close is due within 2 s."""
MOST_WAITING, MOST_WAITING_IN_ALL = 1 << 20, 1 << 28
"""Bytes that may wait for one client, and for all together."""

log = structlog.get_logger()


class Sockets:
    """Who is connected: to count them, and to close them for what happens elsewhere."""

    def __init__(self, settings: WebsocketSettings) -> None:
        self.settings = settings
        self._open: set[Socket] = set()
        self._by_key = Counter[str]()
        self._by_session: dict[str, set[Socket]] = defaultdict(set)
        self._to_write: list[Socket] = []

    def __len__(self) -> int:
        return len(self._open)

    @property
    def most_waiting(self) -> int:
        """Bytes that may wait for one client, as there are so many."""
        return min(MOST_WAITING, MOST_WAITING_IN_ALL // max(1, len(self._open)))

    def admit(self, socket: "Socket") -> None:
        """Raise 429 where this address or this person has as many sockets as it may have."""
        for key, most in self._limits(socket).items():
            if most and self._by_key[key] >= most:
                detail = f"There are too many sockets of this {key.partition(' ')[0]}."
                raise Problem(429, detail, {"Retry-After": str(RETRY_SECONDS)})

    def _limits(self, socket: "Socket") -> dict[str, int]:
        """What the socket counts for, and how many there may be of each."""
        limits = {f"address {network(socket.address)}": self.settings.websocket_sockets_per_address}
        if socket.who.id:
            limits[f"person {socket.who.id}"] = self.settings.websocket_sockets_per_person
        return limits

    def add(self, socket: "Socket") -> None:
        self._open.add(socket)
        self._by_key.update(self._limits(socket).keys())
        if socket.who.session:
            self._by_session[socket.who.session].add(socket)
        OPEN.inc()

    def remove(self, socket: "Socket") -> None:
        self._open.remove(socket)
        for key in self._limits(socket):
            self._by_key[key] -= 1
            if not self._by_key[key]:
                del self._by_key[key]
        if session := socket.who.session:
            self._by_session[session].remove(socket)
            if not self._by_session[session]:
                del self._by_session[session]
        OPEN.dec()

    def write_soon(self, socket: "Socket") -> None:
        """Write what the socket has to send when this turn of the loop is over."""
        if not self._to_write:
            asyncio.get_running_loop().call_soon(self._write)
        self._to_write.append(socket)

    def _write(self) -> None:
        sockets, self._to_write = self._to_write, []
        for socket in sockets:
            socket.write_frames()

    def going_away(self, _: None) -> None:
        """Ask every client to go: it will come back to a process that stays."""
        for socket in list(self._open):
            socket.close(GOING_AWAY, "going away")

    def session_ended(self, session: str) -> None:
        for socket in list(self._by_session.get(session, ())):
            socket.close(SESSION_ENDED, "session ended")

    def sessions_unsure(self, _: None) -> None:
        """Have the watch ask for every session again."""
        for socket in self._open:
            socket.unsure = True

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Close the sockets whose session has ended without a word, while the block lasts."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                for socket in [socket for socket in self._open if socket.must_ask]:
                    await socket.ask_again()
            except Exception as error:  # where sessions are kept is away: ask again
                log.warning("sessions not known", error=str(error))
