"""The client: every command ends in bounded time, and is sent at most once."""

from typing import Any, cast

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, ReadOnlyError, TimeoutError

SOCKET_SECONDS = 2.0
"""How long a command may take, and how long it may wait for a connection: a server that hangs must
not hang the service."""
MOST_CONNECTIONS = 50
"""Connections of this process, of which each blocking read keeps one."""
KEY, KEY_SECONDS = "health", 10


def options() -> dict[str, Any]:
    """What is the same for every connection.

    There are no retries: what is repeated because its answer was lost may happen twice. Nor does a
    connection that the server has closed need any, as with RESP2 redis-py notices before it sends.
    The errors named here close the connection: READONLY comes from a server that was the master
    until now, and who is behind its address next is found by connecting again.
    """
    closing = (ConnectionError, TimeoutError, ReadOnlyError)
    return {
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": SOCKET_SECONDS,
        "retry": Retry(NoBackoff(), 0, closing),
        "protocol": 2,
        "decode_responses": True,
    }


class Sending(AbstractConnection):
    """To be put before a class of connections."""

    async def send_packed_command(self, *arguments: Any, **more: Any) -> None:
        """Raise redis-py's own error where uvloop has a RuntimeError: for a connection just reset."""
        try:
            await super().send_packed_command(*arguments, **more)
        except RuntimeError as error:
            raise ConnectionError(str(error)) from error


class Client(Redis):
    @classmethod
    def from_pool(cls, pool: ConnectionPool) -> "Client":
        """A client of its own with these connections; raises TypeError for options of no use."""
        pool.connection_class = type("Connection", (Sending, pool.connection_class), {})
        pool.make_connection()  # type: ignore[no-untyped-call]
        return cast(Client, super().from_pool(pool))

    async def check(self) -> None:
        """Return if the server takes writes: PING is answered by one that does not, too."""
        try:
            await self.set(KEY, "", ex=KEY_SECONDS)
        except ReadOnlyError:
            await self.connection_pool.disconnect(inuse_connections=False)
            raise
