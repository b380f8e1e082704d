"""Revocations: every process is told when a session has ended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Revocations:
    """Sends the core's `session_ended` on every process, in whatever backend is in force."""

    async def announce(self, session: str) -> None:
        """Tell that the session with this id has ended; never fails."""
        raise NotImplementedError

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear what other processes announce while the block lasts."""
        yield
