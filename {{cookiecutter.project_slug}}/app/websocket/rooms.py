"""Rooms: who is in them, what was said, and how a late comer catches up."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from app.problems import Problem
from app.websocket.messages import RESET, START, Id, Message, presence
from app.websocket.settings import WebsocketSettings

if TYPE_CHECKING:
    from app.service import Service

DAY_MS = 24 * 3600 * 1000
CHUNK = 25
"""Messages replayed at once: what a client must read before it gets more."""
SECONDS_A_MEMBER = 0.001
"""How long news of who is here wait for more such, as after a restart all come back at once."""


class Unavailable(Problem):
    """The rooms' messages cannot be reached for now."""

    def __init__(self) -> None:
        super().__init__(503, "Messages cannot be reached just now.", {"Retry-After": "2"})


class Member(Protocol):
    """Who is in a room: one for each open socket, so that a name can be there twice."""

    name: str

    def send(self, frame: bytes) -> None:
        """Take a message at once."""

    async def replay(self, frames: list[bytes]) -> None:
        """Take messages, and return when more can be taken."""


@dataclass(frozen=True)
class Kept:
    """Messages from the history; `reset` if some that were asked for are no longer kept."""

    messages: list[Message]
    reset: bool = False


@dataclass(eq=False)
class Room:
    """A room as this process sees it, for as long as somebody is here."""

    name: str
    last: Id | None = None
    """The newest message that members were sent; None until the backend has looked."""
    members: dict[Member, Id] = field(default_factory=dict)
    """Each with the last message that its replay held: the room itself may be behind that."""
    joining: int = 0
    resets: int = 0
    who: list[str] = field(default_factory=list)
    """Who is here, as the members were told."""
    news: list[str] | None = None

    def deliver(self, message: Message) -> None:
        """Send the message to those who have not had it, if the room has not had it either."""
        if self.last is None or message.id <= self.last:
            return
        self.last = message.id
        position, frame = message.id, message.frame()
        for member, replayed in self.members.items():
            if replayed < position:
                member.send(frame)

    def reset(self) -> None:
        """Tell the members that something was lost: all that is kept is to be delivered next."""
        self.last, self.resets = START, self.resets + 1
        self.members = dict.fromkeys(self.members, START)
        for member in self.members:
            member.send(RESET)

    def tell(self, who: list[str]) -> None:
        """Tell the members who is here, if that has changed, soon."""
        if self.news is None:
            delay = SECONDS_A_MEMBER * len(self.members)
            asyncio.get_running_loop().call_later(delay, self._tell)
        self.news = who

    def _tell(self) -> None:
        who, self.news = self.news or [], None
        if who != self.who:
            self.who, frame = who, presence(who)
            for member in self.members:
                member.send(frame)

    def names(self) -> list[str]:
        """Who is here on this process."""
        return sorted({member.name for member in self.members})


class Rooms:
    """All rooms; the base of the backends, which keep the history and know who is elsewhere."""

    def __init__(self, service: "Service") -> None:
        settings = service.get(WebsocketSettings)
        self.most_kept = settings.websocket_history or None
        self.kept_ms = round(settings.websocket_history_days * DAY_MS) or None
        self.rooms: dict[str, Room] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What the backend does in the background, while the block lasts."""
        yield

    async def say(self, name: str, who: str, text: str) -> None:
        """Give the message its id and send it to everyone in the room, on any process."""
        raise NotImplementedError

    def expired(self) -> Id:
        """Messages with a lower id are no longer kept."""
        return Id(max(0, time.time_ns() // 1_000_000 - self.kept_ms), 0) if self.kept_ms else START

    async def newest(self, name: str) -> Id:
        """The id of the room's newest message, or `START`."""
        raise NotImplementedError

    async def history(self, name: str, after: Id, most: int | None = None) -> Kept:
        """The oldest kept messages after this one; `reset` and all, if it is not kept itself."""
        raise NotImplementedError

    def changed(self, room: Room) -> None:
        """Find out who is there, after somebody has come or gone here, and `tell` it."""
        raise NotImplementedError

    async def join(self, name: str, member: Member, after: Id | None) -> None:
        """Send what was missed since `after`, then everything: no gap, and nothing twice."""
        room = self.rooms.setdefault(name, Room(name))
        room.joining += 1
        try:
            newest = await self.newest(name) if room.last is None else room.last
            room.last = newest if room.last is None else room.last
            replayed = room.last if after is None else await self._replay(room, member, after)
            room.members[member] = replayed
        finally:
            room.joining -= 1
            self._drop_if_empty(room)
        if member.name in room.who:
            member.send(presence(room.who))
        self.changed(room)

    async def _replay(self, room: Room, member: Member, after: Id) -> Id:
        """Send chunks until there is no more and the room has not gone on, or back, meanwhile."""
        while True:
            before, resets = room.last or START, room.resets
            kept = await self.history(room.name, after, CHUNK)
            if kept.reset:
                after = START
            after = kept.messages[-1].id if kept.messages else after
            await member.replay([RESET] * kept.reset + [m.frame() for m in kept.messages])
            done = len(kept.messages) < CHUNK and (room.last or START) <= max(before, after)
            if done and room.resets == resets:
                return after

    def leave(self, name: str, member: Member) -> None:
        """Take the member out, if it is in."""
        room = self.rooms.get(name)
        if room and room.members.pop(member, None) is not None:
            self._drop_if_empty(room)
            self.changed(room)

    def _drop_if_empty(self, room: Room) -> None:
        if not room.members and not room.joining:
            self.rooms.pop(room.name, None)
