"""Who is in which room, on any process."""

import asyncio
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.websocket.rooms import Room

CHANGES = "{rooms}:changes"
"""A stream of the rooms in which somebody has come or gone."""
MOST_CHANGES = 1000
LEASE_SECONDS, BEAT_SECONDS = 10.0, 3.0
"""How long a process that has died is believed to live, and how often a living one says so.
Those of a dead one are gone after the sum, at most."""
FORGOTTEN_SECONDS = 60
"""How long who is in a room is kept where nobody looks any more: every process there has died."""


class Presence:
    """Tells rooms who is there.

    Each room has a hash with the names of each process. What a process says there counts as
    long as its lease, a key that expires, lasts; so one heartbeat serves all of its rooms.
    """

    def __init__(self, redis: Redis, rooms: dict[str, Room]) -> None:
        self._redis, self._rooms = redis, rooms
        self._process = secrets.token_hex(8)
        self._to_say, self._to_look = set[str](), set[str]()
        self._wanted, self._next_beat = asyncio.Event(), 0.0

    def announce(self, name: str) -> None:
        """Say, soon, who is in the room on this process."""
        self._to_say.add(name)
        self._wanted.set()

    def look(self, names: Iterable[str]) -> None:
        """Find out, soon, who is in these rooms, and tell those who are here."""
        self._to_look.update(names)
        self._wanted.set()

    async def keep(self) -> None:
        """Wait until there is something to say or to look at, and do that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, self._next_beat - time.monotonic())):
                await self._wanted.wait()
        self._wanted.clear()
        if beat := time.monotonic() >= self._next_beat:
            self._to_look.update(self._rooms)
        if beat or self._to_say:
            await self._say()
        await self._look()

    async def end(self) -> None:
        """Say that nobody is here any more."""
        with suppress(RedisError, OSError):
            await self._say()
            await self._redis.delete(_lease(self._process))

    async def _say(self) -> None:
        """Renew the lease, and write who is here in the rooms where that has changed."""
        names, self._to_say = self._to_say, set()
        try:
            await self._write(names)
        except BaseException:
            self._to_say |= names
            raise
        self._next_beat = time.monotonic() + BEAT_SECONDS

    async def _write(self, names: set[str]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(_lease(self._process), 1, px=round(LEASE_SECONDS * 1000))
            for name in names:
                here = self._rooms[name].names() if name in self._rooms else []
                if here:
                    pipe.hset(_names(name), self._process, orjson.dumps(here).decode())
                else:
                    pipe.hdel(_names(name), self._process)
            if names:
                change: Any = {"rooms": " ".join(names)}
                pipe.xadd(CHANGES, change, maxlen=MOST_CHANGES)
            await pipe.execute()

    async def _look(self) -> None:
        names, self._to_look = self._to_look & self._rooms.keys(), set()
        if names:
            found = await self._read(names)
            living = await self._living({p for processes in found.values() for p in processes})
            for name, processes in found.items():
                await self._tell(name, processes, living)

    async def _read(self, names: set[str]) -> dict[str, dict[str, str]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.expire(_names(name), FORGOTTEN_SECONDS)
                pipe.hgetall(_names(name))
            return dict(zip(names, (await pipe.execute())[1::2], strict=True))

    async def _living(self, processes: set[str]) -> set[str]:
        """Those of the processes whose lease has not run out."""
        order = sorted(processes)
        leases = await self._redis.mget([_lease(p) for p in order]) if order else []
        return {process for process, lease in zip(order, leases, strict=True) if lease}

    async def _tell(self, name: str, processes: dict[str, str], living: set[str]) -> None:
        room = self._rooms.get(name)
        if room and room.members and self._process not in processes:
            self.announce(name)  # the server has lost it, or others took us for dead
        elif room:
            here = [orjson.loads(processes[p]) for p in processes.keys() & living]
            room.tell(sorted({who for names in here for who in names}))
        if dead := processes.keys() - living:
            await self._redis.hdel(_names(name), *dead)


def _lease(process: str) -> str:
    return f"{{rooms}}:process:{process}"


def _names(room: str) -> str:
    return f"{{rooms}}:who:{room}"
