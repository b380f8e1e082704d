"""The open sockets of this process, by session and by address."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from app.problems import Problem
from app.websocket.settings import WebsocketSettings

if TYPE_CHECKING:
    from app.websocket.socket import Socket

OPEN = Gauge("websocket_sockets", "Open sockets")
GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN_LATER, SESSION_ENDED = 1001, 1008, 1013, 4401
"""Close codes, by their names in RFC 6455 and its registry; from 4000 on they are our own."""
RETRY_SECONDS = 60


class Sockets:
    """Who is connected: to count them, and to close them for what happens elsewhere."""

    def __init__(self, settings: WebsocketSettings) -> None:
        self.settings = settings
        self._open: set[Socket] = set()
        self._by_address = Counter[str]()
        self._by_session: dict[str, set[Socket]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, address: str) -> None:
        """Raise 429 where this address has as many sockets as it may have."""
        most = self.settings.websocket_sockets_per_address
        if most and self._by_address[address] >= most:
            detail = "There are too many sockets from this address."
            raise Problem(429, detail, {"Retry-After": str(RETRY_SECONDS)})

    def add(self, socket: "Socket") -> None:
        self._open.add(socket)
        self._by_address[socket.address] += 1
        if socket.session:
            self._by_session[socket.session].add(socket)
        OPEN.inc()

    def remove(self, socket: "Socket") -> None:
        self._open.remove(socket)
        self._by_address[socket.address] -= 1
        if not self._by_address[socket.address]:
            del self._by_address[socket.address]
        if socket.session:
            self._by_session[socket.session].remove(socket)
            if not self._by_session[socket.session]:
                del self._by_session[socket.session]
        OPEN.dec()

    def going_away(self, _: None) -> None:
        """Ask every client to go: it will come back to a process that stays."""
        for socket in list(self._open):
            socket.close(GOING_AWAY, "going away")

    def session_ended(self, session: str) -> None:
        for socket in list(self._by_session.get(session, ())):
            socket.close(SESSION_ENDED, "session ended")
