"""Throttling and revocations that all processes share through Redis."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.auth import memory, revocations, throttle
from app.auth.background import stop

if TYPE_CHECKING:
    from app.service import Service

STREAM = "auth:ended"
KEPT = 10_000
"""Session ends in the stream: who reads as many at once may have missed some."""
BLOCK_MS = 1000
"""How long a read waits: less than a command may take."""
READY_SECONDS = 0.5
FIRST_SECONDS, MOST_SECONDS = 0.1, 2.0
"""The pauses between attempts to hear again; each is twice as long as the one before."""

log = structlog.get_logger()


class Throttle(throttle.Throttle):
    """Counts in Redis; while that is away each process counts on its own."""

    def __init__(self, service: "Service") -> None:
        self._client = service.get(Redis)
        self._alone = memory.Throttle(service)

    async def count(self, key: str, seconds: int) -> tuple[int, float]:
        name = f"auth:throttle:{key}"
        try:
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.set(name, 0, ex=seconds, nx=True)
                pipe.incr(name)
                pipe.pttl(name)
                _, count, left = await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("throttling alone", error=str(error))
            return await self._alone.count(key, seconds)
        return count, left / 1000


class Revocations(revocations.Revocations):
    """Told here at once, and to the others in a stream, which each process follows.

    What could not be told is told later. Who has not heard for a while says that the sessions are
    unsure, once it hears again. A stream, not a channel: a read of it ends in bounded time when the
    connection is half open, and a cluster has it on one node.
    """

    def __init__(self, service: "Service") -> None:
        self._client, self._ended = service.get(Redis), service.session_ended
        self._unsure, self._untold = service.sessions_unsure, list[str]()
        self._name, self._pause = secrets.token_hex(8), FIRST_SECONDS
        self._hearing, self._tried, self._missed = False, asyncio.Event(), False

    async def announce(self, session: str) -> None:
        self._ended.send(session)
        if not (self._hearing and await self._told(session)):
            self._untold.append(session)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen before the first request; a server that is away does not keep us."""
        task = asyncio.create_task(self._listen())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), READY_SECONDS)
            self._missed = not self._hearing  # what ends from now on
            yield
        finally:
            await stop(task)
            await self._tell()

    async def _listen(self) -> None:
        """Hear what is announced, and again whenever the server has been away."""
        while True:
            try:
                await self._follow()
            except Exception as error:  # also a receiver's: the next announcement must be heard
                if self._pause == FIRST_SECONDS:  # the rest of an outage is not news
                    fault = not isinstance(error, RedisError | OSError)
                    log.warning("not hearing of session ends", error=str(error), exc_info=fault)
            self._tried.set()
            self._hearing, self._missed = False, True
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, MOST_SECONDS)

    async def _follow(self) -> None:
        newest: Any = await self._client.xrevrange(STREAM, count=1)
        position = newest[0][0] if newest else "0-0"
        if self._missed:
            self._unsure.send(None)
        self._hearing, self._missed, self._pause = True, False, FIRST_SECONDS
        self._tried.set()
        while True:
            await self._tell()
            answer: Any = await self._client.xread({STREAM: position}, block=BLOCK_MS)
            for _, entries in answer:
                position = entries[-1][0]
                await self._hear([entry for _, entry in entries])

    async def _tell(self) -> None:
        """Tell what could not be told."""
        while self._untold and await self._told(self._untold[0]):
            del self._untold[0]

    async def _told(self, session: str) -> bool:
        entry: Any = {"by": self._name, "session": session}
        try:
            await self._client.xadd(STREAM, entry, maxlen=KEPT, approximate=False)
        except (RedisError, OSError) as error:
            log.warning("session end not announced yet", session=session, error=str(error))
            return False
        return True

    async def _hear(self, entries: list[dict[str, str]]) -> None:
        if len(entries) >= KEPT:
            self._unsure.send(None)
        for entry in entries:
            if entry["by"] != self._name:
                self._ended.send(entry["session"])
                await asyncio.sleep(0)  # thousands may have come at once
