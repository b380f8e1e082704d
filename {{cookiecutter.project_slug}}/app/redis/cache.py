"""A cache of values that are slow to come by: `service.get(Cache)`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

Compute = Callable[[], Awaitable[Any]]


class Cache:
    """Remembers what was computed, in whatever backend is in force."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[bytes]] = {}

    async def remember(self, key: str, ttl: float, compute: Compute) -> Any:
        """The value under the key, computed if there is none, and kept for `ttl` seconds.

        Values are what JSON can hold. All who ask at the same time get what one computation gives,
        which goes on when they no longer wait; its error is raised to all of them in this process,
        and nothing is kept. A backend that is away is no error: the value is computed, and not
        kept. A `ttl` that is not above 0 is a ValueError.
        """
        if not ttl > 0:
            raise ValueError("a value must be kept for some time")
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._find(key, ttl, compute))
            self._under_way[key] = task
            task.add_done_callback(lambda task: self._end(key, task))
        return orjson.loads(await asyncio.shield(task))

    async def forget(self, key: str) -> None:
        """Drop the value, so that the next to ask computes it again.

        What is being computed is given to those who wait for it, and not kept. A backend that is
        away is only logged: then the value may last until its time is up.
        """
        self._under_way.pop(key, None)
        await self._drop(key)

    def _end(self, key: str, task: asyncio.Task[bytes]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if not task.cancelled():
            task.exception()  # raised to those who wait; there may be nobody left

    async def _find(self, key: str, ttl: float, compute: Compute) -> bytes:
        """The value's JSON, found or computed, and then kept unless it was dropped meanwhile."""
        raise NotImplementedError

    async def _drop(self, key: str) -> None:
        raise NotImplementedError
