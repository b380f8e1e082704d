"""Rooms across processes that share a Redis: two services here stand for two processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from app.websocket.redis import presence
from app.websocket.rooms import Rooms
from tests.conftest import Client, Start
from tests.websocket.peers import enter
from tests.websocket.test_rooms import TestRooms as Contract


class TestRooms(Contract):
    @pytest.fixture
    def environment(self, redis_url: str) -> dict[str, str]:
        return {"REDIS_URL": redis_url}


class Cable:
    """A way to Redis that can be cut and mended."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def mend(self) -> str:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
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


@pytest.fixture
async def cable(redis_url: str) -> AsyncIterator[Cable]:
    cable = Cable(redis_url)
    yield cable
    cable.cut()


@pytest.fixture
async def two(start: Start, redis_url: str) -> AsyncIterator[tuple[Client, Client]]:
    async with start(REDIS_URL=redis_url) as one, start(REDIS_URL=redis_url) as other:
        yield one, other


@asynccontextmanager
async def stored(url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(url, decode_responses=True) as client:
        yield client


async def test_everyone_hears_the_same_order_on_every_process(two: tuple[Client, Client]) -> None:
    ada, bob = await enter(two[0], "Ada"), await enter(two[1], "Bob")
    await bob.sees("Ada", "Bob")
    await asyncio.gather(
        ada.say(*(f"a{n}" for n in range(50))), bob.say(*(f"b{n}" for n in range(50)))
    )
    heard = await ada.texts(100)
    assert len(set(heard)) == 100
    assert await bob.texts(100) == heard


async def test_a_short_history_does_not_cut_what_is_said_at_once(
    start: Start, redis_url: str
) -> None:
    environment = {"REDIS_URL": redis_url, "WEBSOCKET_HISTORY": "1"}
    async with start(**environment) as one, start(**environment) as other:
        bob, rooms = await enter(other, "Bob"), one.service.get(Rooms)
        await bob.sees("Bob")
        await asyncio.gather(*(rooms.say("lobby", "Ada", str(n)) for n in range(50)))
        assert len(await bob.texts(50)) == 50
        kept = (await one.get("/rooms/lobby/messages")).json()["messages"]
        assert len(kept) == 1


async def test_a_client_goes_on_at_another_process(start: Start, redis_url: str) -> None:
    async with start(REDIS_URL=redis_url) as other:
        async with start(REDIS_URL=redis_url) as one:
            ada, bob = await enter(one, "Ada"), await enter(other, "Bob")
            await ada.say("1")
            last = (await ada.next())["id"]
        assert await ada.end() == 1001
        await bob.say("2", "3")
        back = await enter(other, "Ada", f"lobby?after={last}")
        await bob.say("4")
        assert await back.texts(3) == ["2", "3", "4"]


async def test_presence_is_that_of_all_processes(two: tuple[Client, Client]) -> None:
    ada = await enter(two[0], "Ada")
    await ada.sees("Ada")
    bob = await enter(two[1], "Bob")
    await ada.sees("Ada", "Bob")
    await bob.sees("Ada", "Bob")
    bob.leave()
    await ada.sees("Ada")


async def test_those_of_a_process_that_stops_are_gone(start: Start, redis_url: str) -> None:
    async with start(REDIS_URL=redis_url) as stays:
        ada = await enter(stays, "Ada")
        async with start(REDIS_URL=redis_url) as stops:
            await enter(stops, "Bob")
            await ada.sees("Ada", "Bob")
        await ada.sees("Ada")
        async with stored(redis_url) as client:
            assert len(await client.keys("rooms:process:*")) == 1


async def test_those_of_a_process_that_died_are_gone_with_its_lease(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    async with start(REDIS_URL=redis_url) as client, stored(redis_url) as data:
        await data.hset("room:lobby:who", "dead", '["Zoe"]')
        await data.set("rooms:process:dead", 1)
        ada = await enter(client, "Ada")
        await ada.sees("Ada", "Zoe")
        await data.pexpire("rooms:process:dead", 10)
        await ada.sees("Ada")
        async with asyncio.timeout(5):
            while "dead" in await data.hkeys("room:lobby:who"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_process_that_was_taken_for_dead_says_again_who_is_there(
    two: tuple[Client, Client], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    ada, bob = await enter(two[0], "Ada"), await enter(two[1], "Bob")
    await ada.sees("Ada", "Bob")
    await bob.say("every beat is quick from here")
    async with stored(redis_url) as data:
        await data.flushall()
    eve = await enter(two[0], "Eve")
    await eve.sees("Ada", "Bob", "Eve")


async def test_goes_on_when_the_server_is_back(start: Start, cable: Cable, redis_url: str) -> None:
    url = await cable.mend()
    async with start(REDIS_URL=url) as client, start(REDIS_URL=redis_url) as other:
        ada, bob = await enter(client, "Ada"), await enter(other, "Bob")
        await bob.sees("Ada", "Bob")
        await ada.say("1")
        assert await ada.texts(1) == ["1"]
        cable.cut()
        await ada.say("lost")
        assert (await ada.next("error"))["code"] == "unavailable"
        assert (await client.get("/rooms/lobby/messages")).status_code == 503
        refused = await enter(client, "Ada", "elsewhere")
        assert await refused.end() == 1013
        await bob.say("2", "3")
        assert await bob.texts(3) == ["1", "2", "3"]
        await cable.mend()
        assert await ada.texts(2) == ["2", "3"]
        await ada.say("4")
        assert [await ada.texts(1), await bob.texts(1)] == [["4"], ["4"]]
        assert set(client.service.get(Rooms).rooms) == {"lobby"}


async def test_a_silent_room_is_forgotten_after_a_while(start: Start, redis_url: str) -> None:
    async with start(REDIS_URL=redis_url) as client, stored(redis_url) as data:
        await client.service.get(Rooms).say("lobby", "Ada", "1")
        assert 0 < await data.ttl("room:lobby") <= 7 * 24 * 3600
