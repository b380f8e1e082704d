"""Coming into a room while others speak: what a backend may do between two awaits."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson

from app.websocket import rooms
from app.websocket.messages import START, Id, Message
from tests.conftest import Client


def message(number: int) -> Message:
    return Message(Id(number, 0), "lobby", "Ada", str(number))


class Reader:
    """A member who takes note of what it was sent."""

    name = "Bob"

    def __init__(self) -> None:
        self.heard: list[str] = []

    def send(self, message: bytes) -> None:
        document = orjson.loads(message[message.index(b"{") :])
        self.heard.append(document.get("text", document["type"]))

    async def replay(self, messages: list[bytes]) -> None:
        await asyncio.sleep(0)
        for message in messages:
            self.send(message)


class Scripted(rooms.Rooms):
    """Rooms with the messages 1 and 2, where something happens during the first read."""

    happens: Callable[[rooms.Room], None]
    kept: tuple[Message, ...] = (message(1), message(2))

    async def newest(self, name: str) -> Id:
        return self.kept[-1].id if self.kept else START

    async def history(self, name: str, after: Id, most: int | None = None) -> rooms.Kept:
        known = after == START or any(m.id == after for m in self.kept)
        kept = [m for m in self.kept if not known or m.id > after]
        self.happens(self.rooms[name])
        return rooms.Kept(kept, reset=not known)

    def changed(self, room: rooms.Room) -> None:
        pass


async def joined(lobby: Scripted, after: Id) -> tuple[rooms.Room, list[str]]:
    reader = Reader()
    joining: Awaitable[None] = lobby.join("lobby", reader, after)
    await asyncio.wait_for(joining, 1)
    return lobby.rooms["lobby"], reader.heard


async def test_what_is_delivered_during_the_read_is_not_lost(client: Client) -> None:
    def happens(room: rooms.Room) -> None:
        lobby.kept = (message(1), message(2), message(3))
        room.deliver(message(3))

    lobby = Scripted(client.service)
    lobby.happens = happens
    room, heard = await joined(lobby, message(1).id)
    room.deliver(message(4))
    assert heard == ["2", "3", "4"]


async def test_what_the_read_has_ahead_of_the_room_is_not_doubled(client: Client) -> None:
    lobby = Scripted(client.service)
    lobby.happens = lambda room: None
    lobby.rooms["lobby"] = rooms.Room("lobby", last=message(1).id)
    room, heard = await joined(lobby, START)
    room.deliver(message(2))
    room.deliver(message(3))
    assert heard == ["1", "2", "3"]


async def test_a_history_that_was_lost_ends_the_read(client: Client) -> None:
    lobby = Scripted(client.service)
    lobby.kept, lobby.happens = (), lambda room: None
    lobby.rooms["lobby"] = rooms.Room("lobby", last=message(2).id)
    room, heard = await joined(lobby, message(2).id)
    room.deliver(message(3))
    assert heard == ["reset", "3"]


async def test_what_is_lost_during_the_read_begins_anew(client: Client) -> None:
    def happens(room: rooms.Room) -> None:
        if not room.resets:  # the read has had the messages of before
            room.reset()
            lobby.kept = (message(1),)
            room.deliver(message(1))

    lobby = Scripted(client.service)
    lobby.kept, lobby.happens = (message(7), message(8)), happens
    room, heard = await joined(lobby, message(7).id)
    room.deliver(message(2))
    assert heard == ["8", "reset", "1", "2"]


async def test_a_reset_begins_anew_for_who_was_ahead_of_the_room(client: Client) -> None:
    lobby = Scripted(client.service)
    lobby.happens = lambda room: None
    lobby.rooms["lobby"] = rooms.Room("lobby", last=message(1).id)
    room, heard = await joined(lobby, message(1).id)
    room.reset()
    room.deliver(message(1))
    assert heard == ["2", "reset", "1"]
