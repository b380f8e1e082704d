"""A socket lives as long as its session, and is counted for whose it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tornado.web import RequestHandler

from app.service import Identity
from app.websocket import socket, sockets
from tests.conftest import Client, Start
from tests.websocket.peers import Peer, enter, refused, until

LONG = datetime.max.replace(tzinfo=UTC)


class Sessions:
    """Those there are, by name: when each ends, and how often it was asked for."""

    def __init__(self) -> None:
        self.ends: dict[str, datetime] = {}
        self.asked = 0
        self.away = False

    async def identify(self, handler: RequestHandler) -> Identity | None:
        self.asked += 1
        if self.away:
            raise OSError("on purpose")
        name = handler.request.headers["X-Who"]
        ends = self.ends.get(name)
        living = ends and ends > datetime.now(UTC)
        return Identity("1", name, f"of {name}", ends) if living else None


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "WATCH_SECONDS", 0.02)


@pytest.fixture
def sessions(client: Client) -> Sessions:
    sessions = Sessions()
    client.service.identify = sessions.identify
    return sessions


async def enter_as(client: Client, name: str) -> Peer:
    return await enter(client, X_Who=name)


async def is_closed_alone(peer: Peer, other: Peer) -> None:
    assert await peer.end() == 4401
    await other.say("1")
    assert await other.texts(1) == ["1"]


async def test_is_closed_when_its_session_expires(client: Client, sessions: Sessions) -> None:
    sessions.ends = {"Ada": datetime.now(UTC) + timedelta(seconds=0.3), "Bob": LONG}
    ada, bob = await enter_as(client, "Ada"), await enter_as(client, "Bob")
    await is_closed_alone(ada, bob)


async def test_goes_on_when_its_session_was_prolonged(client: Client, sessions: Sessions) -> None:
    sessions.ends = {"Ada": datetime.now(UTC) + timedelta(seconds=0.2)}
    ada = await enter_as(client, "Ada")
    sessions.ends = {"Ada": datetime.now(UTC) + timedelta(seconds=0.4)}
    assert await ada.end() == 4401
    assert datetime.now(UTC) > sessions.ends["Ada"]


async def test_is_closed_when_its_session_ended_while_it_opened(
    client: Client, sessions: Sessions
) -> None:
    class Ends(dict[str, datetime]):
        """Gives the session once."""

        def get(self, name: str, default: object = None) -> Any:
            return self.pop(name, default)

    sessions.ends = Ends(Ada=LONG)
    assert await (await enter_as(client, "Ada")).end() == 4401


async def test_is_closed_when_the_end_of_its_session_was_missed(
    client: Client, sessions: Sessions
) -> None:
    sessions.ends = {"Ada": LONG, "Bob": LONG}
    ada, bob = await enter_as(client, "Ada"), await enter_as(client, "Bob")
    del sessions.ends["Ada"]
    sessions.away = True
    client.service.sessions_unsure.send(None)
    asked = sessions.asked
    await until(lambda: sessions.asked > asked + 2)
    sessions.away = False
    await is_closed_alone(ada, bob)


async def test_what_a_client_says_keeps_its_session_alive(
    client: Client, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "ASK_SECONDS", 0)
    sessions.ends = {"Ada": LONG, "Bob": LONG}
    ada, bob = await enter_as(client, "Ada"), await enter_as(client, "Bob")
    await until(lambda: sessions.asked == 4)
    await bob.say("1")
    await ada.next()
    await until(lambda: sessions.asked == 5)


async def test_a_person_has_so_many_sockets_at_once(start: Start) -> None:
    async with start(WEBSOCKET_SOCKETS_PER_PERSON="2") as client:
        first, _ = await enter(client, "Ada"), await enter(client, "Ada")
        assert (await refused(client, "Ada"))[0]["status"] == 429
        await enter(client, "Bob")
        first.leave()
        await first.end()
        await enter(client, "Ada")
