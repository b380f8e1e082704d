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

CHANNEL = "auth:ended"
READY_SECONDS = 0.5
FIRST_SECONDS, MOST_SECONDS = 0.1, 2.0
"""The pauses between attempts to hear again; each is twice as long as the one before."""
QUIET_SECONDS = 1.0
"""How long one read waits: a client's own limit would take a longer silence for an outage."""

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
    """Told here at once, and to the others on a channel."""

    def __init__(self, service: "Service") -> None:
        self._client, self._ended = service.get(Redis), service.session_ended
        self._name, self._pause = secrets.token_hex(8), FIRST_SECONDS

    async def announce(self, session: str) -> None:
        self._ended.send(session)
        try:
            await self._client.publish(CHANNEL, f"{self._name} {session}")
        except (RedisError, OSError) as error:
            log.warning("session end not announced", session=session, error=str(error))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Subscribe before the first request; a server that is away does not keep us."""
        ready = asyncio.Event()
        task = asyncio.create_task(self._listen(ready))
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(ready.wait(), READY_SECONDS)
            yield
        finally:
            await stop(task)

    async def _listen(self, ready: asyncio.Event) -> None:
        """Hear what is announced, and subscribe again whenever the server has been away."""
        while True:
            try:
                await self._follow(ready)
            except Exception as error:  # also a receiver's: the next announcement must be heard
                if self._pause == FIRST_SECONDS:  # the rest of an outage is not news
                    fault = not isinstance(error, RedisError | OSError)
                    log.warning("not hearing of session ends", error=str(error), exc_info=fault)
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, MOST_SECONDS)

    async def _follow(self, ready: asyncio.Event) -> None:
        async with self._client.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            while True:
                if message := await channel.get_message(timeout=QUIET_SECONDS):
                    ready.set()
                    self._pause = FIRST_SECONDS
                    self._hear(message)
                    await asyncio.sleep(0)  # thousands may have come at once

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            sender, _, session = message["data"].partition(" ")
            if sender != self._name:
                self._ended.send(session)
