"""A mail server, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Server:
    """Takes mails as an SMTP server does, and keeps what it was sent.

    `refusals` are what it says, one after the other, instead of taking a recipient.
    """

    def __init__(self) -> None:
        self.received, self.arrived, self.ready = "", asyncio.Event(), asyncio.Event()
        self.ready.set()
        self.mails, self.refusals = list[bytes](), list[bytes]()
        self.calls = self.open = self.most = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls, self.open = self.calls + 1, self.open + 1
        self.most = max(self.most, self.open)
        await self.ready.wait()
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            answer = {b"QUIT": b"221 bye\r\n"}.get(line[:4], b"250 fine\r\n")
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                self.received += self.mails[-1].decode()
                self.arrived.set()
            elif line.startswith(b"RCPT") and self.refusals:
                answer = self.refusals.pop(0) + b"\r\n"
            self.received += line.decode()
            writer.write(answer)
        self.open -= 1
        writer.close()


@asynccontextmanager
async def smtp(port: int = 0) -> AsyncIterator[tuple[Server, str]]:
    """A mail server, and its `MAIL_URL`."""
    kept = Server()
    async with await asyncio.start_server(kept.talk, "127.0.0.1", port) as server:
        yield kept, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
