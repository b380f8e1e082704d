"""The rooms of one process."""

import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from app.websocket import rooms
from app.websocket.messages import START, Id, Message

if TYPE_CHECKING:
    from app.service import Service

MOST_ROOMS = 1000
"""Rooms whose messages are kept; beyond it those that were silent the longest are forgotten."""


class Rooms(rooms.Rooms):
    def __init__(self, service: "Service") -> None:
        super().__init__(service)
        self._kept: dict[str, deque[Message]] = {}
        self._last = START

    async def say(self, name: str, who: str, text: str) -> None:
        message = Message(self._next(), name, who, text)
        self._keep(message)
        if room := self.rooms.get(name):
            room.deliver(message)

    async def newest(self, name: str) -> Id:
        kept = self._kept.get(name)
        return kept[-1].id if kept else START

    async def history(self, name: str, after: Id, most: int | None = None) -> rooms.Kept:
        kept = self._kept.get(name, ())
        known = after == START or any(message.id == after for message in kept)
        wanted = (message for message in kept if not known or message.id > after)
        return rooms.Kept(list(islice(wanted, most)), reset=not known)

    def changed(self, room: rooms.Room) -> None:
        room.tell(room.names())

    def _next(self) -> Id:
        """An id above all others, also when the clock is set back."""
        now = time.time_ns() // 1_000_000
        self._last = Id(now, 0) if now > self._last.ms else Id(self._last.ms, self._last.seq + 1)
        return self._last

    def _keep(self, message: Message) -> None:
        kept = self._kept.pop(message.room, None) or deque(maxlen=self.most_kept)
        kept.append(message)
        self._kept[message.room] = kept
        if len(self._kept) > MOST_ROOMS:
            del self._kept[next(iter(self._kept))]
