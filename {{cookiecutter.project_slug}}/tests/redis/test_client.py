"""The client: how long a command may take, that it is sent once, and which connections it keeps."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError, ReadOnlyError, TimeoutError

from app.redis.addresses import make


@asynccontextmanager
async def server(
    handle: Callable[[StreamReader, StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The address of a server that treats each connection in this way, and then closes it."""

    async def treat(reader: StreamReader, writer: StreamWriter) -> None:
        await handle(reader, writer)
        writer.close()

    listening = await asyncio.start_server(treat, "127.0.0.1", 0)
    yield f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/1"
    listening.close()


async def test_a_server_that_says_nothing_keeps_a_command_for_one_time_out_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.redis.client.SOCKET_SECONDS", 0.2)
    callers = []

    async def say_nothing(reader: StreamReader, writer: StreamWriter) -> None:
        callers.append(reader)
        await reader.read()

    async with server(say_nothing) as url, aclosing(make(url)) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get("key"), 0.6)
    assert len(callers) == 1


async def answer(reader: StreamReader, writer: StreamWriter) -> None:
    """Answer what comes before a GET, and the GET."""
    while request := await reader.read(65536):
        if b"GET" in request:
            writer.write(b"$5\r\nvalue\r\n")
            return
        writer.write(b"+PONG\r\n" if b"PING" in request else b"+OK\r\n" * request.count(b"*"))


async def test_a_command_whose_answer_is_lost_is_not_sent_again() -> None:
    callers = []

    async def hang_up(reader: StreamReader, writer: StreamWriter) -> None:
        callers.append(reader)
        await reader.read(65536)

    async with server(hang_up) as url, aclosing(make(url)) as client:
        with pytest.raises(ConnectionError):
            await client.get("key")
    assert len(callers) == 1


async def test_an_idle_connection_that_was_closed_is_opened_again() -> None:
    async with server(answer) as url, aclosing(make(url)) as client:
        for _ in range(2):
            assert await client.get("key") == "value"
            await asyncio.sleep(0.02)  # the client hears that the server has closed it


@pytest.mark.parametrize("gives_up", ["by itself", "when cancelled"])
async def test_a_late_answer_is_not_taken_for_the_next_one(
    monkeypatch: pytest.MonkeyPatch, gives_up: str
) -> None:
    monkeypatch.setattr("app.redis.client.SOCKET_SECONDS", 0.1 if gives_up == "by itself" else 2)
    late = asyncio.Event()

    async def echo(reader: StreamReader, writer: StreamWriter) -> None:
        """Answer each GET with its key, but the first of all when the second has come."""
        while request := await reader.read(65536):
            if b"first" in request:
                await late.wait()
            if b"GET" in request:
                writer.write(request[request.index(b"$", 12) :])
            else:
                writer.write(b"+OK\r\n" * request.count(b"*"))

    async with server(echo) as url, aclosing(make(url)) as client:
        with pytest.raises((TimeoutError, asyncio.TimeoutError)):
            await asyncio.wait_for(client.get("first"), 1 if gives_up == "by itself" else 0.1)
        late.set()
        assert await client.get("second") == "second"


async def test_a_connection_that_uvloop_finds_closed_is_an_error_of_redis(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("the handler is closed")

    monkeypatch.setattr(AbstractConnection, "send_packed_command", fail)
    async with aclosing(make(redis_url)) as client:
        with pytest.raises(ConnectionError, match="the handler is closed"):
            await client.get("key")


async def test_leaves_a_server_that_is_no_longer_the_master() -> None:
    callers = []

    async def refuse(reader: StreamReader, writer: StreamWriter) -> None:
        callers.append(reader)
        while request := await reader.read(65536):
            refusal = b"-READONLY You can't write against a read only replica.\r\n"
            writer.write(refusal if b"key" in request else b"+OK\r\n" * request.count(b"*"))

    async with server(refuse) as url, aclosing(make(url)) as client:
        for _ in range(2):
            with pytest.raises(ReadOnlyError):
                await client.set("key", 1)
    assert len(callers) == 2


async def test_thousands_at_once_wait_for_a_few_connections(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.redis.client.MOST_CONNECTIONS", 3)
    async with aclosing(make(redis_url)) as client:
        await asyncio.gather(*(client.incr("key") for _ in range(1000)))
        assert await client.get("key") == "1000"
        counts = client.connection_pool.get_connection_count()
        assert sum(count for count, _ in counts) == 3


async def test_who_waits_for_a_connection_waits_for_a_bounded_time(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.redis.client.MOST_CONNECTIONS", 1)
    async with aclosing(make(f"{redis_url}?timeout=0.05")) as client:
        reading = asyncio.ensure_future(client.blpop(["nothing"], timeout=1))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionError, match="No connection"):
            await client.get("key")
        reading.cancel()
