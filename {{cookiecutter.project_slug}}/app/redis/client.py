"""The client: every command ends in bounded time, and is sent at most once."""

from typing import Any, cast

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, ReadOnlyError, ResponseError

SOCKET_SECONDS = 2.0
"""How long a command may take, and how long it may wait for a connection: a server that hangs must
not hang the service."""
MOST_CONNECTIONS = 50
"""Connections of this process, of which each blocking read keeps one."""
KEY, KEY_SECONDS = "health", 10


def options() -> dict[str, Any]:
    """What is the same for every connection.

    There are no retries: what is repeated because its answer was lost may happen twice.
    """
    return {
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": SOCKET_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "decode_responses": True,
    }


class Sound(AbstractConnection):
    """To be put before a class of connections: what was closed while idle is opened again."""

    async def connect(self) -> None:
        if self.should_reconnect():
            await self.disconnect(nowait=True)
        await super().connect()  # type: ignore[no-untyped-call]

    def should_reconnect(self) -> bool:
        reset = self._writer is not None and self._writer.is_closing()
        ended = self._reader is not None and self._reader.at_eof()
        return reset or ended or bool(super().should_reconnect())  # type: ignore[no-untyped-call]

    async def send_packed_command(self, *arguments: Any, **more: Any) -> None:
        try:
            await super().send_packed_command(*arguments, **more)
        except RuntimeError as error:  # uvloop's, for a transport that was closed just now
            raise ConnectionError(str(error)) from error


class Pooled(Sound):
    """Lets all connections of its pool go when the server is no longer the master.

    That is what READONLY means, or UNBLOCKED to those who wait. Whoever is behind the address now
    is found by connecting again.
    """

    pool: Any

    async def read_response(self, *arguments: Any, **more: Any) -> Any:
        try:
            return await super().read_response(*arguments, **more)
        except ResponseError as error:
            if isinstance(error, ReadOnlyError) or str(error).startswith("UNBLOCKED"):
                await self.pool.update_active_connections_for_reconnect()
                await self.pool.disconnect(inuse_connections=False)
            raise


class Client(Redis):
    @classmethod
    def from_pool(cls, pool: ConnectionPool) -> "Client":
        """A client of its own with these connections; raises TypeError for options of no use."""
        bases = (Pooled, pool.connection_class)
        pool.connection_class = type("Connection", bases, {"pool": pool})
        pool.make_connection()  # type: ignore[no-untyped-call]
        return cast(Client, super().from_pool(pool))

    async def check(self) -> None:
        """Return if the server takes writes: PING is answered by one that does not, too."""
        await self.set(KEY, "", ex=KEY_SECONDS)
