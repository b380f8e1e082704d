"""The limits of sockets: how many, how much, how fast, how slow."""

import asyncio
import socket
from typing import Any
from unittest.mock import Mock

import orjson
import pytest

from app.problems import Problem
from app.service import ANYONE
from app.websocket import protocol, sockets
from app.websocket.rooms import Kept, Rooms
from app.websocket.socket import Socket
from app.websocket.sockets import Sockets
from tests.conftest import Client, Start
from tests.websocket.peers import by_header, enter, refused, until
from tests.websocket.raw import (
    CLOSE,
    TEXT,
    answer_to,
    close_frame,
    frames_in,
    masked,
    messages_in,
    open_raw,
    read_all,
    read_until,
)


async def test_an_address_has_so_many_sockets_at_once(start: Start) -> None:
    async with start(WEBSOCKET_SOCKETS_PER_ADDRESS="2") as client:
        first, _ = await enter(client), await enter(client)
        problem, answer = await refused(client)
        assert problem["status"] == 429
        assert int(answer.headers["Retry-After"]) > 0
        first.leave()
        await first.end()
        await enter(client)


async def test_an_address_of_ipv6_is_the_network_of_one_subscriber(start: Start) -> None:
    async with start(WEBSOCKET_SOCKETS_PER_ADDRESS="1") as client:
        registry = client.service.get(Sockets)
        first, neighbour, other = (
            Mock(address=f"2001:db8:0:{n}", who=ANYONE) for n in ("1::1", "1::2", "2::1")
        )
        registry.add(first)
        registry.admit(other)
        with pytest.raises(Problem, match="429"):
            registry.admit(neighbour)
        registry.remove(first)
        registry.admit(neighbour)


async def test_what_is_not_understood_is_said_and_the_socket_stays(client: Client) -> None:
    peer = await enter(client)
    for wrong in ("", "{", "null", "[]", "[" * 5000, b"\xff", '{"type": "shout", "text": "x"}'):
        assert await peer.codes(wrong) == ["invalid"]
    for text in ("", ', "text": 1', ', "text": " \\n "', ', "text": "\\ud800"'):
        assert await peer.codes(f'{{"type": "say"{text}}}') == ["invalid"]
    long = orjson.dumps({"type": "say", "text": "x" * 4097}).decode()
    assert await peer.codes(long) == ["too_large"]
    await peer.say("x" * 4096)
    assert await peer.texts(1) == ["x" * 4096]


async def test_too_many_messages_are_refused_and_then_end_the_socket(start: Start) -> None:
    async with start(WEBSOCKET_MESSAGES_PER_MINUTE="3") as client:
        peer, other = await enter(client), await enter(client)
        await peer.say(*"123")
        assert await peer.codes(*["{}"] * 10) == ["rate_limited"] * 10
        await peer.say("4")
        assert await peer.end() == 1008
        assert await other.texts(3) == ["1", "2", "3"]


async def test_0_takes_limits_away(start: Start) -> None:
    names = ("PING_SECONDS", "MESSAGE_BYTES", "MESSAGES_PER_MINUTE", "SOCKETS_PER_ADDRESS")
    async with start(**{f"WEBSOCKET_{name}": "0" for name in (*names, "HISTORY")}) as client:
        peer, other = await enter(client), await enter(client)
        assert await peer.codes("x" * 4_000_000) == ["invalid"]
        await peer.say(*map(str, range(310)))
        assert len(await other.texts(310)) == 310


async def test_a_message_over_the_size_limit_ends_the_socket(start: Start) -> None:
    async with start(WEBSOCKET_MESSAGE_BYTES="1000") as client:
        peer = await enter(client)
        assert await peer.codes("x" * 1000) == ["invalid"]
        await peer.send("x" * 1001)
        assert await peer.end() == 1009


async def test_a_peer_that_answers_no_ping_is_closed(start: Start) -> None:
    async with start(WEBSOCKET_PING_SECONDS="0.1") as client:
        alive = await enter(client)
        with open_raw(client) as raw:
            closing = asyncio.create_task(read_until(raw, close_frame(1000, "ping timed out")))
            closing.add_done_callback(lambda _: raw.close())
            await alive.sees_so_many(2)
            await alive.sees_so_many(1)
        assert b"\x89\x00" in await closing
        await alive.say("1")
        assert await alive.texts(1) == ["1"]


@pytest.mark.parametrize(("one", "all_"), [(100_000, 1 << 30), (1 << 30, 200_000)])
async def test_a_client_that_does_not_read_is_closed_and_the_others_are_not(
    client: Client, monkeypatch: pytest.MonkeyPatch, one: int, all_: int
) -> None:
    monkeypatch.setattr(sockets, "MOST_WAITING", one)
    monkeypatch.setattr(sockets, "MOST_WAITING_IN_ALL", all_)
    quick, rooms = await enter(client), client.service.get(Rooms)
    with open_raw(client) as slow:
        await quick.sees_so_many(2)
        said = 0
        while len(client.service.get(Sockets)) == 2:
            await rooms.say("lobby", "Ada", "x" * 65536)
            await quick.next()
            said += 1
        assert said < 500
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # now it is quick
        heard = await read_all(slow)
    assert frames_in(heard)[-1] == (CLOSE, close_frame(1013, "too slow")[2:])
    assert messages_in(heard)


async def test_no_more_waits_than_may_though_it_comes_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MOST_WAITING", 100_000)
    rooms = client.service.get(Rooms)
    with open_raw(client):
        await until(lambda: rooms.rooms)
        (there,) = rooms.rooms["lobby"].members
        assert isinstance(there, Socket)
        while not there.waiting:
            await rooms.say("lobby", "Ada", "x" * 1000)
            await asyncio.sleep(0)
        assert there.is_open
        for _ in range(100):
            await rooms.say("lobby", "Ada", "x" * 4000)
        await until(lambda: not there.is_open)


async def test_who_is_closed_inside_of_a_frame_hears_its_end(client: Client) -> None:
    rooms = client.service.get(Rooms)
    with open_raw(client) as slow:
        await until(lambda: rooms.rooms)
        (there,) = rooms.rooms["lobby"].members
        for _ in range(200):
            there.send(protocol.frame(b"1" * 60_000))
        heard = await read_all(slow)
    assert frames_in(heard)[-1] == (CLOSE, close_frame(1013, "too slow")[2:])


async def test_nothing_follows_the_close_of_a_replay(client: Client) -> None:
    client.service.identify, rooms = by_header, client.service.get(Rooms)
    for _ in range(500):
        await rooms.say("lobby", "Bob", "x" * 4000)
    with open_raw(client, "/rooms/lobby/socket?after=0-0", **{"X-Who": "Ada"}) as slow:
        await until(lambda: len(client.service.get(Sockets)))
        client.service.session_ended.send("of Ada")
        heard = await read_all(slow)
    assert frames_in(heard)[-1] == (CLOSE, close_frame(4401, "session ended")[2:])


async def test_who_does_not_read_a_replay_is_closed(start: Start) -> None:
    async with start(WEBSOCKET_PING_SECONDS="0.1") as client:
        rooms = client.service.get(Rooms)
        for _ in range(500):
            await rooms.say("lobby", "Bob", "x" * 4000)
        with open_raw(client, "/rooms/lobby/socket?after=0-0"):
            await until(lambda: len(client.service.get(Sockets)))
            await until(lambda: not len(client.service.get(Sockets)))


async def test_who_answers_is_not_closed_while_a_replay_takes_its_time(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(WEBSOCKET_PING_SECONDS="0.1") as client:
        rooms = client.service.get(Rooms)
        history = rooms.history

        async def slowly(*arguments: Any) -> Kept:
            await asyncio.sleep(0.4)
            return await history(*arguments)

        monkeypatch.setattr(rooms, "history", slowly)
        await rooms.say("lobby", "Bob", "1")
        assert await (await enter(client, room="lobby?after=0-0")).texts(1) == ["1"]


async def test_a_socket_goes_though_no_descriptor_is_left(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(connection: socket.socket) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(protocol, "linger", fail)
    with open_raw(client) as raw:
        await answer_to(raw, masked(TEXT, b"\xff"), until=close_frame(1007))
        assert not await read_all(raw)


async def test_what_had_to_wait_arrives_whole_and_in_order(client: Client) -> None:
    rooms = client.service.get(Rooms)
    with open_raw(client) as slow:
        await until(lambda: rooms.rooms)
        (there,) = rooms.rooms["lobby"].members
        assert isinstance(there, Socket)
        said = list[str]()

        async def speak() -> None:
            said.append(f"{len(said)} {'x' * 4000}")
            await rooms.say("lobby", "Ada", said[-1])
            await asyncio.sleep(0)

        while not there.waiting:
            await speak()
        reading = asyncio.create_task(read_until(slow, close_frame(1000, "done")))
        while len(said) < 1000:
            await speak()
        there.ping(b"between them")
        there.close(1000, "done")
        heard = await reading
    assert [m["text"] for m in messages_in(heard) if m["type"] == "message"] == said
