"""A proxy between a service and a server, which can be told to do worse than pass on."""

import asyncio
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from contextlib import suppress


class Proxy:
    """Passes on to the port `target`, unless it `refuses` or has an `answer` to everything."""

    def __init__(self, target: int) -> None:
        self.target, self.refuses, self.answer = target, False, b""
        self._loop = asyncio.new_event_loop()
        self._open: set[StreamWriter] = set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port = int(server.sockets[0].getsockname()[1])

    def reset(self) -> None:
        """End every connection with a RST."""

        async def all_of_them() -> None:
            for writer in self._open:
                reset(writer)

        asyncio.run_coroutine_threadsafe(all_of_them(), self._loop).result()

    def close(self) -> None:
        self.refuses = True
        self.reset()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._open.add(writer)
        with suppress(OSError):
            if self.refuses:
                reset(writer)
            elif self.answer:
                await answer(reader, writer, self.answer)
            else:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
                await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        self._open.discard(writer)


def reset(writer: StreamWriter) -> None:
    if writer.is_closing():
        return
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def answer(reader: StreamReader, writer: StreamWriter, text: bytes) -> None:
    """Give this answer to each of Redis's commands."""
    while request := await reader.read(65536):
        writer.write(text * request.count(b"*"))


async def pump(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    finally:
        writer.close()
