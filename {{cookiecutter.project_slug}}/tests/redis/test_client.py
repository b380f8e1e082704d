"""The client: how long a command may take, and that it is sent once."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError, TimeoutError

from app import redis as module


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
    monkeypatch.setattr(module, "SOCKET_SECONDS", 0.2)
    callers = []

    async def say_nothing(reader: StreamReader, writer: StreamWriter) -> None:
        callers.append(reader)
        await reader.read()

    async with server(say_nothing) as url, module.connect(url) as client:
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

    async with server(hang_up) as url, module.connect(url) as client:
        with pytest.raises(ConnectionError):
            await client.get("key")
    assert len(callers) == 1


async def test_an_idle_connection_that_was_closed_is_opened_again() -> None:
    async with server(answer) as url, module.connect(url) as client:
        for _ in range(2):
            assert await client.get("key") == "value"
            await asyncio.sleep(0.02)  # the client hears that the server has closed it
