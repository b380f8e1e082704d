"""A cache of values that are slow to come by: `service.get(Cache)`."""

from collections.abc import Awaitable, Callable
from typing import Any

Compute = Callable[[], Awaitable[Any]]


class Cache:
    """Remembers what was computed, in whatever backend is in force."""

    async def remember(self, key: str, ttl: float, compute: Compute) -> Any:
        """The value under the key, computed if there is none, and kept for `ttl` seconds.

        Values are what JSON can hold. Those who ask at the same time wait for one computation;
        its error is raised to whoever computed, and nothing is kept. A backend that is away is
        no error: the value is computed, and not kept.
        """
        raise NotImplementedError

    async def forget(self, key: str) -> None:
        """Drop the value, so that the next to ask computes it again.

        A backend that is away is only logged: then the value may last until its time is up.
        """
        raise NotImplementedError
