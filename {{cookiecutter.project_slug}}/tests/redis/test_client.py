"""The client: how long a command may take, and what is tried again."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import TimeoutError

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


async def test_a_command_whose_connection_is_closed_is_tried_again() -> None:
    gets = []

    async def hang_up_once(reader: StreamReader, writer: StreamWriter) -> None:
        while request := await reader.read(65536):
            if b"PING" in request:
                writer.write(b"+PONG\r\n")
            elif b"GET" not in request:
                writer.write(b"+OK\r\n" * request.count(b"*"))
            else:
                gets.append(request)
                if len(gets) == 1:
                    return
                writer.write(b"$5\r\nvalue\r\n")

    async with server(hang_up_once) as url, module.connect(url) as client:
        assert await client.get("key") == b"value"
    assert len(gets) == 2
