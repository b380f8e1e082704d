"""The rooms of one process."""

import time
from bisect import bisect_left
from collections import deque
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from app.websocket import rooms
from app.websocket.messages import START, Id, Message

if TYPE_CHECKING:
    from app.service import Service

MOST_ROOMS = 1000
"""Rooms whose messages are kept; beyond it those that were silent the longest are forgotten."""
MOST_CHARACTERS = 32_000_000
"""The same for all that is kept."""


class Rooms(rooms.Rooms):
    def __init__(self, service: "Service") -> None:
        super().__init__(service)
        self._kept: dict[str, deque[Message]] = {}
        self._last, self._size = START, 0

    async def say(self, name: str, who: str, text: str) -> None:
        message = Message(self._next(), name, who, text)
        self._keep(message)
        if room := self.rooms.get(name):
            room.deliver(message)

    async def newest(self, name: str) -> Id:
        kept = self._kept.get(name)
        return kept[-1].id if kept else START

    async def history(self, name: str, after: Id, most: int | None = None) -> rooms.Kept:
        kept = self._kept.get(name) or deque()
        oldest, at = (bisect_left(kept, it, key=attrgetter("id")) for it in (self.expired(), after))
        known = oldest <= at < len(kept) and kept[at].id == after
        wanted = islice(kept, at + 1 if known else oldest, None)
        return rooms.Kept(list(islice(wanted, most)), reset=not known and after != START)

    def changed(self, room: rooms.Room) -> None:
        room.tell(room.names())

    def _next(self) -> Id:
        """An id above all others, also when the clock is set back."""
        now = time.time_ns() // 1_000_000
        self._last = Id(now, 0) if now > self._last.ms else Id(self._last.ms, self._last.seq + 1)
        return self._last

    def _keep(self, message: Message) -> None:
        kept = self._kept.pop(message.room, None) or deque()
        self._kept[message.room] = kept
        kept.append(message)
        self._size += len(message.text)
        while kept[0].id < self.expired() or len(kept) > (self.most_kept or len(kept)):
            self._size -= len(kept.popleft().text)
        self._forget()

    def _forget(self) -> None:
        """Drop the rooms that were silent for the longest: for too long, or of too many."""
        while len(self._kept) > 1:
            silent, kept = next(iter(self._kept.items()))
            few = len(self._kept) <= MOST_ROOMS and self._size <= MOST_CHARACTERS
            if few and kept[-1].id >= self.expired():
                return
            self._size -= sum(len(message.text) for message in kept)
            del self._kept[silent]
