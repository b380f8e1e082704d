"""What clients notice when Redis is away, lags, or has lost what it held."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from app.websocket import redis
from app.websocket.messages import Id
from app.websocket.redis import presence
from app.websocket.redis.presence import Presence
from app.websocket.rooms import Rooms
from tests.conftest import Client, Start
from tests.websocket.peers import Peer, enter
from tests.websocket.redis.cable import Cable

SAID = "{rooms}:said:lobby"
FAR_AHEAD = "99999999999999-0"


async def reads_reset(peer: Peer, *texts: str) -> None:
    """Read a reset, and exactly these texts after it, be presence between or not."""
    await peer.next("reset")
    assert await peer.texts(len(texts)) == list(texts)


async def test_goes_on_when_the_server_is_back(start: Start, cable: Cable, redis_url: str) -> None:
    url = await cable.mend()
    async with start(REDIS_URL=url) as client, start(REDIS_URL=redis_url) as other:
        ada, bob = await enter(client, "Ada"), await enter(other, "Bob")
        for peer in (ada, bob):
            await peer.sees("Ada", "Bob")
        await client.service.get(Rooms).say("lobby", "Ada", "1")  # and know that it was said
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
        assert [(await ada.read() or {}).get("text") for _ in range(2)] == ["2", "3"]
        await ada.say("4")
        assert [await ada.texts(1), await bob.texts(1)] == [["4"], ["4"]]
        assert set(client.service.get(Rooms).rooms) == {"lobby"}


async def test_who_missed_more_than_is_kept_begins_anew(
    start: Start, cable: Cable, redis_url: str
) -> None:
    more = {"WEBSOCKET_HISTORY": "5"}
    url = await cable.mend()
    async with start(REDIS_URL=url, **more) as cut_off, start(REDIS_URL=redis_url, **more) as other:
        ada, bob = await enter(cut_off, "Ada"), await enter(other, "Bob")
        await bob.say("1")
        assert await ada.texts(1) == ["1"]
        cable.cut()
        await bob.say(*"234567")
        await bob.texts(7)
        await cable.mend()
        await reads_reset(ada, *"34567")
        await bob.say("8")
        assert await ada.texts(1) == ["8"]


async def test_who_lags_behind_what_is_kept_begins_anew(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "MOST_READ", 3)
    async with start(REDIS_URL=redis_url, WEBSOCKET_HISTORY="3") as client:
        ada = await enter(client, "Ada")
        await ada.say("1")
        await ada.texts(1)
        server, lags, go_on = client.service.get(Redis), asyncio.Event(), asyncio.Event()
        read = server.xread

        async def late(*arguments: Any) -> Any:
            lags.set()
            await go_on.wait()
            return await read(*arguments)

        monkeypatch.setattr(server, "xread", late)
        bob = await enter(client, "Bob")  # which ends the read that was under way
        await lags.wait()
        for text in "2345":
            await client.service.get(Rooms).say("lobby", "Eve", text)
        go_on.set()
        for peer in (ada, bob):
            await reads_reset(peer, *"345")


async def test_goes_on_with_an_empty_server_whose_clock_is_behind(
    start: Start, cable: Cable, data: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 1000)
    url = await cable.mend()
    async with start(REDIS_URL=url) as one, start(REDIS_URL=url) as other:
        ada, bob = await enter(one, "Ada"), await enter(other, "Bob")
        for peer in (ada, bob):
            await peer.sees("Ada", "Bob")
        await data.xadd(presence.CHANGES, {"rooms": "lobby"}, id=FAR_AHEAD)
        await data.xadd(SAID, {"who": "Ada", "text": "1"}, id=FAR_AHEAD)
        assert [await ada.texts(1), await bob.texts(1)] == [["1"], ["1"]]
        cable.cut()
        await data.flushall()
        await cable.mend()
        for peer in (ada, bob):
            await peer.next("reset")
        await bob.say("2")
        assert [await ada.texts(1), await bob.texts(1)] == [["2"], ["2"]]
        await enter(other, "Eve")
        await ada.sees("Ada", "Bob", "Eve")


async def test_a_failover_that_the_client_hides_is_noticed(
    client: Client, data: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last message is lost, and the clock of the new server is behind."""
    monkeypatch.setattr(redis, "SURE_SECONDS", 0)
    monkeypatch.setattr(redis, "BLOCK_MS", 10)
    ada = await enter(client, "Ada")
    await ada.say("1")
    lost = Id.parse((await ada.next())["id"])
    async with data.pipeline() as pipe:
        pipe.delete(SAID)
        pipe.xadd(SAID, {"who": "Bob", "text": "2"}, id=f"{lost.ms - 1}-0")
        await pipe.execute()
    await reads_reset(ada, "2")


async def test_what_was_said_first_while_the_server_was_away_is_heard(
    start: Start, cable: Cable, redis_url: str
) -> None:
    url = await cable.mend()
    async with start(REDIS_URL=url) as cut_off, start(REDIS_URL=redis_url) as other:
        ada = await enter(cut_off, "Ada")
        await ada.sees("Ada")
        cable.cut()
        await other.service.get(Rooms).say("lobby", "Bob", "1")
        await cable.mend()
        await reads_reset(ada, "1")


async def test_who_left_while_the_server_was_away_is_gone_when_it_is_back(
    start: Start, cable: Cable, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failed = Presence._write, asyncio.Event()

    async def watched(self: Presence, names: set[str]) -> None:
        try:
            await write(self, names)
        except Exception:
            if names:
                failed.set()
            raise

    monkeypatch.setattr(Presence, "_write", watched)
    url = await cable.mend()
    async with start(REDIS_URL=url) as cut_off, start(REDIS_URL=redis_url) as other:
        await enter(cut_off, "Ada")
        bob, eve = await enter(cut_off, "Bob"), await enter(other, "Eve")
        await eve.sees("Ada", "Bob", "Eve")
        cable.cut()
        bob.leave()
        await failed.wait()
        await cable.mend()
        await eve.sees("Ada", "Eve")
