"""A container's health check: it asks where the service listens."""

import asyncio
import sys

import pytest

from app.healthcheck import alive
from app.main import create_service
from app.server import listen, listening
from tests.conftest import Client

COMMAND = [sys.executable, "-m", "app.healthcheck"]


async def test_asks_on_the_port(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(client.base_url.port))
    assert await asyncio.to_thread(alive)


async def test_asks_on_the_unix_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIX_SOCKET", "here.sock")
    service = create_service()
    async with listening(service, listen(service.config)):
        assert await asyncio.to_thread(alive)


async def test_what_answers_otherwise_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.0 500 Internal Server Error\r\n\r\n")
        writer.close()

    async with await asyncio.start_unix_server(refuse, "here.sock"):
        monkeypatch.setenv("UNIX_SOCKET", "here.sock")
        assert not await asyncio.to_thread(alive)


async def test_says_in_one_line_that_nothing_answers() -> None:
    asked = await asyncio.create_subprocess_exec(
        *COMMAND,
        env={"UNIX_SOCKET": "nowhere.sock", "PYTHONPATH": ":".join(sys.path)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asked.communicate()
    assert (asked.returncode, said.decode()) == (1, "[Errno 2] No such file or directory\n")
