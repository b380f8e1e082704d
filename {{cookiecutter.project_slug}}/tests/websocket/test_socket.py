"""Sockets: who may open one, what they may send, and how they end."""

import asyncio
import socket
import struct
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY
from tornado.httpclient import HTTPClientError

from app.websocket import socket as base
from app.websocket.rooms import Rooms
from app.websocket.sockets import Sockets
from tests.conftest import Client, Start
from tests.websocket.peers import Peer, by_header, enter

HANDSHAKE = (
    "GET /rooms/lobby/socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def refused(client: Client, who: str = "", room: str = "lobby", **headers: str) -> Any:
    """The problem that this handshake is answered with, and the answer."""
    with pytest.raises(HTTPClientError) as caught:
        await enter(client, who, room, **headers)
    answer = caught.value.response
    assert answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    return orjson.loads(answer.body), answer


async def codes(peer: Peer, *messages: str | bytes) -> list[str]:
    for message in messages:
        await peer.send(message)
    return [(await peer.next("error"))["code"] for _ in messages]


def open_raw(client: Client) -> socket.socket:
    """A socket that does nothing by itself, and takes in little."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((client.base_url.host, client.base_url.port))
    raw.sendall(HANDSHAKE.encode())
    raw.setblocking(False)
    return raw


async def read_until(raw: socket.socket, frame: bytes) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    async with asyncio.timeout(10):
        while not data.endswith(frame):
            data += await loop.sock_recv(raw, 1 << 20)
    return data


def close_frame(code: int, reason: str) -> bytes:
    return struct.pack("!BBH", 0x88, 2 + len(reason), code) + reason.encode()


async def test_is_not_opened_for_those_who_are_not_known(client: Client) -> None:
    client.service.identify = by_header
    problem, _ = await refused(client)
    assert problem["status"] == 401
    assert (await client.get("/rooms/lobby")).status_code == 401
    assert (await client.get("/rooms/lobby/messages")).status_code == 401


async def test_is_not_opened_for_another_site(client: Client) -> None:
    problem, _ = await refused(client, Origin="https://evil.example")
    assert problem["status"] == 403
    peer = await enter(client, Origin=str(client.base_url).rstrip("/"))
    await peer.next("presence")


async def test_only_websocket_is_spoken(client: Client) -> None:
    answer = await client.get("/rooms/lobby/socket")
    assert (answer.status_code, answer.headers["Upgrade"]) == (426, "websocket")
    assert answer.json()["detail"]


@pytest.mark.parametrize("name", ["a b", "a%0A", "a.b", "x" * 65, "%C3%A9", ""])
async def test_a_room_has_a_plain_name(client: Client, name: str) -> None:
    for path in ("", "/messages", "/socket"):
        assert (await client.get(f"/rooms/{name}{path}")).status_code == 404


@pytest.mark.parametrize("after", ["1", "x-y", "-1-0", "1-0-0", f"{2**64}-0", "\u0661-0"])
async def test_after_must_be_an_id(client: Client, after: str) -> None:
    answer = await client.get("/rooms/lobby/messages", params={"after": after})
    assert answer.status_code == 400
    assert (await refused(client, room="lobby?after=nonsense"))[0]["status"] == 400


async def test_an_address_has_so_many_sockets_at_once(start: Start) -> None:
    async with start(WEBSOCKET_SOCKETS_PER_ADDRESS="2") as client:
        first, _ = await enter(client), await enter(client)
        problem, answer = await refused(client)
        assert problem["status"] == 429
        assert int(answer.headers["Retry-After"]) > 0
        first.leave()
        await first.end()
        await enter(client)


async def test_a_guest_keeps_a_name_that_cannot_be_forged(client: Client) -> None:
    peer = await enter(client)
    assert peer.connection.headers
    cookie = peer.connection.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    name = (await peer.next("presence"))["who"][0]
    assert name.startswith("guest-")
    kept = cookie.partition(";")[0]
    page = await client.get("/rooms/lobby", headers={"Cookie": kept})
    assert page.json() == {"room": "lobby", "who": name}
    forged = await client.get("/rooms/lobby", headers={"Cookie": kept[:-1] + "x"})
    assert forged.json()["who"] != name


async def test_over_https_a_guest_s_cookie_is_for_this_host_only(start: Start) -> None:
    async with start(PUBLIC_URL="https://example.com") as client:
        cookie = (await client.get("/rooms/lobby")).headers["Set-Cookie"]
        assert cookie.startswith("__Host-guest=")
        assert "Secure" in cookie.split("; ")


async def test_what_is_not_understood_is_said_and_the_socket_stays(client: Client) -> None:
    peer = await enter(client)
    for wrong in ("", "{", "null", "[]", "[" * 5000, b"\xff", '{"type": "shout", "text": "x"}'):
        assert await codes(peer, wrong) == ["invalid"]
    for text in ("", ', "text": 1', ', "text": " \\n "', ', "text": "\\ud800"'):
        assert await codes(peer, f'{{"type": "say"{text}}}') == ["invalid"]
    long = orjson.dumps({"type": "say", "text": "x" * 4097}).decode()
    assert await codes(peer, long) == ["too_large"]
    await peer.say("x" * 4096)
    assert await peer.texts(1) == ["x" * 4096]


async def test_too_many_messages_are_refused_and_then_end_the_socket(start: Start) -> None:
    async with start(WEBSOCKET_MESSAGES_PER_MINUTE="3") as client:
        peer, other = await enter(client), await enter(client)
        await peer.say(*"123")
        assert await codes(peer, *["{}"] * 10) == ["rate_limited"] * 10
        await peer.say("4")
        assert await peer.end() == 1008
        assert await other.texts(3) == ["1", "2", "3"]


async def test_0_takes_limits_away(start: Start) -> None:
    names = ("PING_SECONDS", "MESSAGE_BYTES", "MESSAGES_PER_MINUTE", "SOCKETS_PER_ADDRESS")
    async with start(**{f"WEBSOCKET_{name}": "0" for name in (*names, "HISTORY")}) as client:
        peer, other = await enter(client), await enter(client)
        assert await codes(peer, "x" * 100_000) == ["invalid"]
        await peer.say(*map(str, range(310)))
        assert len(await other.texts(310)) == 310


async def test_a_message_over_the_size_limit_ends_the_socket(start: Start) -> None:
    async with start(WEBSOCKET_MESSAGE_BYTES="1000") as client:
        peer = await enter(client)
        assert await codes(peer, "x" * 1000) == ["invalid"]
        await peer.send("x" * 1001)
        assert await peer.end() == 1009


async def test_is_told_to_go_when_the_service_stops(start: Start) -> None:
    async with start() as client:
        peer = await enter(client)
    assert await peer.end() == 1001


async def test_is_not_opened_while_the_service_stops(client: Client) -> None:
    client.service.draining = True
    problem, answer = await refused(client)
    assert (problem["status"], answer.headers["Connection"]) == (503, "close")


async def test_a_message_under_way_is_waited_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slowly(name: str, who: str, text: str) -> None:
        reached.set()
        await go.wait()

    monkeypatch.setattr(client.service.get(Rooms), "say", slowly)
    peer = await enter(client)
    assert not client.service.in_flight
    await peer.say("1")
    await reached.wait()
    assert client.service.in_flight
    go.set()
    assert await codes(peer, "") == ["invalid"]
    assert not client.service.in_flight


async def test_ends_with_its_session(client: Client) -> None:
    ada, bob = await enter(client, "Ada"), await enter(client, "Bob")
    await ada.sees("Ada", "Bob")
    client.service.session_ended.send("of Ada")
    await ada.say("too late")
    await bob.sees("Bob")
    assert await ada.end() == 4401
    await bob.say("1")
    assert await bob.texts(1) == ["1"]


async def test_a_session_that_ends_while_its_socket_joins_leaves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = client.service.get(Rooms)
    newest = rooms.newest

    async def late(name: str) -> Any:
        client.service.session_ended.send("of Ada")
        return await newest(name)

    monkeypatch.setattr(rooms, "newest", late)
    assert await (await enter(client, "Ada")).end() == 4401
    assert not rooms.rooms
    assert not len(client.service.get(Sockets))


async def test_a_peer_that_answers_no_ping_is_closed(start: Start) -> None:
    async with start(WEBSOCKET_PING_SECONDS="0.1") as client:
        alive = await enter(client)
        with open_raw(client) as raw:
            closing = asyncio.create_task(read_until(raw, close_frame(1000, "ping timed out")))
            closing.add_done_callback(lambda _: raw.close())
            for number in (1, 2, 1):
                assert len((await alive.next("presence"))["who"]) == number
        assert b"\x89\x00" in await closing
        await alive.say("1")
        assert await alive.texts(1) == ["1"]


async def test_a_client_that_does_not_read_is_closed_and_the_others_are_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MOST_QUEUED", 100_000)
    quick, rooms = await enter(client), client.service.get(Rooms)
    with open_raw(client) as slow:
        for number in (1, 2):
            assert len((await quick.next("presence"))["who"]) == number
        said = 0
        while len(client.service.get(Sockets)) == 2:
            await rooms.say("lobby", "Ada", "x" * 65536)
            await quick.next()
            said += 1
        assert said < 500
        await read_until(slow, close_frame(1013, "too slow"))


async def test_counts_sockets_and_messages(client: Client) -> None:
    said = REGISTRY.get_sample_value("websocket_messages_total") or 0
    peer = await enter(client)
    await peer.say("1")
    await peer.next()
    assert REGISTRY.get_sample_value("websocket_sockets") == 1
    assert REGISTRY.get_sample_value("websocket_messages_total") == said + 1
