"""A way to Redis that can be cut and mended."""

import asyncio
from urllib.parse import urlsplit

from tests.redis.fixtures import free_port


class Cable:
    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = free_port()

    async def mend(self) -> str:
        """Pass on what comes; the address, always the same, where it does."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        assert self._server
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._writers |= {writer, back}
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._writers -= {writer, back}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except OSError:
        pass
    writer.close()
