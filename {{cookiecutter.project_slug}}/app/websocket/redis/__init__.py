"""The rooms of all processes that share a Redis: a stream for each, which all of them follow."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.websocket import rooms
from app.websocket.messages import START, Id, Message
from app.websocket.redis.background import background
from app.websocket.redis.presence import CHANGES, Presence

if TYPE_CHECKING:
    from app.service import Service

SAID = "{rooms}:said:"
"""Before the name of a room: its stream. The braces put all keys into one slot of a cluster."""
MOST_READ = 500
"""Messages of one room in one read. A stream has as many, however short the history: what is said
at once must reach those who follow before it goes. So a read of fewer has missed none."""
SPARE_MS = 60_000
"""How much longer than the history a message stays, for the same reason: clocks differ, too."""
BLOCK_MS = 1000
"""How long a read may wait: less than a command may take."""
CATCH_UP_SECONDS = 0.01
SURE_SECONDS = 3.0
"""So long after a read that went well nothing can have been lost before the next one."""

log = structlog.get_logger()


class Rooms(rooms.Rooms):
    def __init__(self, service: "Service") -> None:
        super().__init__(service)
        self._redis = service.get(Redis)
        self._length = self.most_kept and max(self.most_kept, MOST_READ)
        self._presence = Presence(self._redis, self.rooms)
        self._changes, self._sure_until = START, math.inf  # nothing was read yet

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with background(self._follow, self._presence.keep, failed=self._doubt):
            yield
        await self._presence.end()

    async def say(self, name: str, who: str, text: str) -> None:
        key = SAID + name
        fields: Any = {"who": who, "text": text}
        with available():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.xadd(key, fields, maxlen=self._length, approximate=False)
                if self.kept_ms:
                    pipe.xtrim(key, minid=max(0, self.expired().ms - SPARE_MS), approximate=False)
                    pipe.pexpire(key, self.kept_ms + SPARE_MS)
                else:
                    pipe.persist(key)
                await pipe.execute()

    async def newest(self, name: str) -> Id:
        with available():
            entries: Any = await self._redis.xrevrange(SAID + name, count=1)
            return Id.parse(entries[0][0]) if entries else START

    async def history(self, name: str, after: Id, most: int | None = None) -> rooms.Kept:
        with available():
            return await self._history(name, after, most)

    def changed(self, room: rooms.Room) -> None:
        self._presence.announce(room.name)

    async def _history(self, name: str, after: Id, most: int | None) -> rooms.Kept:
        """A message that is still kept has everything after it kept, too."""
        oldest = max(self.expired(), await self._oldest(name))
        if START < after >= oldest:
            found = await self._range(name, after, most and most + 1)
            if found and found[0].id == after:
                return rooms.Kept(found[1:])
        return rooms.Kept(await self._range(name, oldest, most), reset=after != START)

    async def _oldest(self, name: str) -> Id:
        """From which id on messages are history: a stream may be longer than that."""
        if self.most_kept == self._length:
            return START
        entries: Any = await self._redis.xrevrange(SAID + name, count=self.most_kept)
        return Id.parse(entries[-1][0]) if entries else START

    async def _range(self, name: str, first: Id, most: int | None) -> list[Message]:
        entries: Any = await self._redis.xrange(SAID + name, min=str(first), count=most)
        return [message(name, *entry) for entry in entries]

    async def _follow(self) -> None:
        """Wait for what is new in any room with somebody here, or in who is where.

        A room that is new here was announced, which ends the wait and lets the next one know it.
        """
        answer: Any = await self._redis.xread(self._positions(), MOST_READ, BLOCK_MS)
        in_doubt = set(self.rooms) if time.monotonic() > self._sure_until else set()
        for key, entries in answer:
            name = key.removeprefix(SAID)
            if key == CHANGES:
                self._handle_changes(entries)
            elif len(entries) == MOST_READ:
                in_doubt.add(name)
            elif name not in in_doubt:
                self._deliver(name, entries)
        for name in in_doubt:
            await self._catch_up(name)
        self._sure_until = time.monotonic() + SURE_SECONDS

    def _positions(self) -> dict[Any, Any]:
        """What was read last of each stream."""
        last = {
            SAID + name: str(room.last)
            for name, room in self.rooms.items()
            if room.last is not None
        }
        return last | {CHANGES: str(self._changes)}

    def _handle_changes(self, entries: Any) -> None:
        self._changes = Id.parse(entries[-1][0])
        for _, fields in entries:
            self._presence.look(fields["rooms"].split())

    async def _catch_up(self, name: str) -> None:
        """Go on with what is kept; `reset` the room where that may not be all.

        From `START` on it cannot be told: nothing had been said when the first member came.
        """
        if (room := self.rooms.get(name)) and (last := room.last) is not None:
            kept = await self._history(name, last, MOST_READ)
            if kept.reset or (kept.messages and last == START):
                room.reset()
            for number, message in enumerate(kept.messages, 1):
                room.deliver(message)
                if number % rooms.CHUNK == 0:  # let the clients read
                    await asyncio.sleep(CATCH_UP_SECONDS)

    def _deliver(self, name: str, entries: Any) -> None:
        if room := self.rooms.get(name):
            for entry in entries:
                room.deliver(message(name, *entry))

    def _doubt(self) -> None:
        """After a failure messages may be lost, and the ids of new ones lower than the last."""
        self._changes, self._sure_until = START, 0.0
        self._presence.look(self.rooms)


def message(room: str, position: str, fields: dict[str, str]) -> Message:
    return Message(Id.parse(position), room, fields["who"], fields["text"])


@contextmanager
def available() -> Iterator[None]:
    """Turn every failure of Redis into one that the rooms know."""
    try:
        yield
    except (RedisError, OSError) as error:
        log.warning("messages cannot be reached", error=str(error))
        raise rooms.Unavailable from None
