"""What RFC 6455 asks for, of handshakes, frames and close codes."""

import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.websocket import websocket_connect

from app.websocket.protocol import frame
from app.websocket.socket import Socket
from tests.conftest import Client, Start
from tests.websocket.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    HANDSHAKE,
    PING,
    TEXT,
    answer_to,
    close_frame,
    masked,
    open_raw,
)


class Deflating(Socket):
    """Takes compressed messages, and says how long they were."""

    def get_compression_options(self) -> dict[str, Any]:
        return {}

    async def received(self, message: str | bytes) -> None:
        if message == "fail":
            raise ZeroDivisionError("on purpose")
        self.send(frame(str(len(message)).encode()))


@pytest.fixture
async def client(start: Start) -> AsyncIterator[Client]:
    async with start(WEBSOCKET_MESSAGE_BYTES="1000") as client:
        client.service.add_handlers(".*", [("/deflating", Deflating)])
        yield client


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Upgrade", "h2c", 426),
        ("Connection", "keep-alive", 400),
        ("Sec-WebSocket-Version", "8", 426),
        ("Sec-WebSocket-Key", "short", 400),
        ("Sec-WebSocket-Key", "A" * 22, 400),
    ],
)
async def test_what_is_no_handshake_is_said_to_be_none(
    client: Client, name: str, value: str, status: int
) -> None:
    answer = await client.get("/rooms/lobby/socket", headers=HANDSHAKE | {name: value})
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    if name == "Sec-WebSocket-Version":
        assert answer.headers[name] == "13"


@pytest.mark.parametrize(
    ("said", "echoed"),
    [
        *((code, code) for code in (1000, 1003, 1007, 1014, 3000, 4999)),
        *((code, 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)),
    ],
)
async def test_a_close_code_is_echoed_if_it_may_be_said(
    client: Client, said: int, echoed: int
) -> None:
    with open_raw(client) as raw:
        closing = masked(CLOSE, said.to_bytes(2, "big"))
        await answer_to(raw, closing, until=close_frame(echoed))


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([masked(TEXT, b"\xff")], 1007),
        ([masked(TEXT, b"{}", compressed=True)], 1002),
        ([masked(TEXT, b"", last=False), masked(CONTINUATION, b"\xff")], 1007),
        ([masked(0x3)], 1002),
        ([masked(CONTINUATION, b"x")], 1002),
        ([masked(TEXT, b"x", last=False), masked(TEXT, b"x")], 1002),
        ([masked(PING, last=False)], 1002),
        ([masked(TEXT, b"fail")], 1011),
    ],
)
async def test_a_failed_connection_is_told_why(
    client: Client, frames: list[bytes], code: int
) -> None:
    with open_raw(client, "/deflating") as raw:
        await answer_to(raw, *frames, until=close_frame(code))


FRAGMENTS = [masked(BINARY, bytes(400), last=False), *[masked(CONTINUATION, bytes(400), False)] * 2]
BOMB = zlib.compress(bytes(1_000_000), 9, -15)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([masked(TEXT, bytes(1001))], "message too big"),
        ([masked(TEXT, bytes(200_000))], "message too big"),
        (FRAGMENTS, "message too big"),
        ([masked(TEXT, BOMB[:900], compressed=True)], "message too big after decompression"),
    ],
)
async def test_a_message_is_too_big_however_it_comes(
    client: Client, frames: list[bytes], reason: str
) -> None:
    deflate = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    with open_raw(client, "/deflating", **deflate) as raw:
        await answer_to(raw, *frames, until=close_frame(1009, reason))


async def test_who_sends_on_and_on_hears_that_it_is_too_much(client: Client) -> None:
    with open_raw(client) as raw:
        await answer_to(
            raw, masked(BINARY, bytes(20_000_000)), until=close_frame(1009, "message too big")
        )


async def test_an_extension_that_cannot_be_agreed_on_is_refused(client: Client) -> None:
    extension = {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99"}
    answer = await client.get("/deflating", headers=HANDSHAKE | extension)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


async def test_what_only_claims_to_be_compressed_is_invalid(client: Client) -> None:
    deflate = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    with open_raw(client, "/deflating", **deflate) as raw:
        await answer_to(raw, masked(TEXT, b"\xff" * 4, compressed=True), until=close_frame(1007))


async def test_compressed_messages_are_taken_where_a_socket_wants_them(client: Client) -> None:
    deflate = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    with open_raw(client, "/deflating", **deflate) as raw:
        packer = zlib.compressobj(wbits=-15)
        small = (packer.compress(bytes(1000)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
        await answer_to(raw, masked(TEXT, small, compressed=True), until=frame(b"1000"))


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 100_000])
async def test_frames_of_every_size_are_understood(client: Client, size: int) -> None:
    class Sized(Socket):
        async def opened(self, *args: str, **kwargs: str) -> None:
            self.send(frame(b"x" * size))

    client.service.add_handlers(".*", [("/sized", Sized)])
    url = f"{client.base_url}/sized".replace("http", "ws", 1)
    assert await (await websocket_connect(url)).read_message() == "x" * size
