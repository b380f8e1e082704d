"""The client: how long a command may take, and what is tried again."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError, TimeoutError

from app import redis as module


@asynccontextmanager
async def server(callers: list[StreamWriter], *, silent: bool) -> AsyncIterator[str]:
    """The address of a server that says nothing to its callers, or closes their connections."""

    def accept(reader: StreamReader, writer: StreamWriter) -> None:
        callers.append(writer)
        if not silent:
            writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"redis://:password@127.0.0.1:{listening.sockets[0].getsockname()[1]}/1"
    listening.close()
    for writer in callers:
        writer.close()


async def test_a_server_that_says_nothing_keeps_a_command_for_one_time_out_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SOCKET_SECONDS", 0.2)
    callers: list[StreamWriter] = []
    async with server(callers, silent=True) as url, module.connect(url) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get("key"), 0.6)
    assert len(callers) == 1


async def test_a_connection_that_was_closed_is_opened_again() -> None:
    callers: list[StreamWriter] = []
    async with server(callers, silent=False) as url, module.connect(url) as client:
        with pytest.raises(ConnectionError):
            await client.get("key")
    assert len(callers) > 1
