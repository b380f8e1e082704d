"""The client of a cluster: what it raises, and how long that takes."""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import aclosing

import pytest
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import ClusterError, ConnectionError, TimeoutError

from app.redis.client import options
from app.redis.cluster import Cluster
from tests.redis.test_client import server


def cluster(url: str = "redis://127.0.0.1:1/0", timeout: float = 0.2) -> Cluster:
    port = int(url.split(":")[2].split("/")[0])
    nodes = [ClusterNode("127.0.0.1", port)]
    # Before Python 3.12 redis-py may lose a cancellation, and then goes on for `socket_timeout`.
    patience = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    return Cluster(nodes, max_connections=2, timeout=timeout, **options() | patience)


async def test_nodes_that_are_away_are_an_error_of_redis() -> None:
    async with aclosing(cluster(timeout=20)) as client:
        with pytest.raises(ConnectionError):
            await client.get("key")
        with pytest.raises(ConnectionError):
            async with client.pipeline(transaction=True):
                pass
        with pytest.raises(ConnectionError):
            await client.check()


async def test_all_who_wait_for_nodes_that_say_nothing_wait_for_a_bounded_time() -> None:
    async def say_nothing(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read()

    async with server(say_nothing) as url, aclosing(cluster(url)) as client:
        asked = asyncio.gather(*(client.get("key") for _ in range(20)), return_exceptions=True)
        errors = await asyncio.wait_for(asked, 2)
    assert {type(error) for error in errors} <= {TimeoutError, ConnectionError}


async def test_who_waits_for_a_place_waits_for_a_bounded_time() -> None:
    client = cluster()
    client._initialize = False
    async with asyncio.timeout(2), client.place(), client.place():
        with pytest.raises(ConnectionError, match="No connection"):
            async with client.place():
                pass
    async with client.place():
        pass


async def test_what_a_closing_connection_raises_is_an_error_of_redis() -> None:
    client = cluster()
    client._initialize = False
    with pytest.raises(ClusterError):
        async with client.place():
            raise AttributeError("'NoneType' object has no attribute 'writelines'")


async def test_closing_in_the_middle_of_a_command_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = cluster()
    client._initialize = False
    async with client.place():
        monkeypatch.setattr(client, "nodes_manager", "not to be touched")
        await client.aclose()
        assert client._initialize
