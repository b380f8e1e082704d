"""Who is where, when processes come, go and die."""

import asyncio

import pytest
from redis.asyncio import Redis

from app.websocket import rooms
from app.websocket.messages import START
from app.websocket.redis import presence
from app.websocket.redis.presence import Presence
from app.websocket.rooms import Room
from tests.conftest import Client, Start
from tests.websocket.peers import enter
from tests.websocket.test_join import Reader

WHO = "{rooms}:who:lobby"


async def test_presence_is_that_of_all_processes(two: tuple[Client, Client]) -> None:
    ada = await enter(two[0], "Ada")
    await ada.sees("Ada")
    bob = await enter(two[1], "Bob")
    await ada.sees("Ada", "Bob")
    await bob.sees("Ada", "Bob")
    bob.leave()
    await ada.sees("Ada")


async def test_nobody_seems_to_be_gone_when_the_server_has_lost_who_is_there(
    start: Start, redis_url: str, data: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(rooms, "SECONDS_A_MEMBER", 0)
    async with start(REDIS_URL=redis_url) as client:
        ada = await enter(client, "Ada")
        await ada.sees("Ada")
        await ada.say("every beat is quick from here")
        await data.delete(WHO)
        async with asyncio.timeout(5):
            while not await data.exists(WHO):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await enter(client, "Bob")
        assert (await ada.next("presence"))["who"] == ["Ada", "Bob"]


async def test_those_of_a_process_that_stops_are_gone(
    start: Start, redis_url: str, data: Redis
) -> None:
    async with start(REDIS_URL=redis_url) as stays:
        ada = await enter(stays, "Ada")
        async with start(REDIS_URL=redis_url) as stops:
            await enter(stops, "Bob")
            await ada.sees("Ada", "Bob")
        await ada.sees("Ada")
        assert len(await data.keys("{rooms}:process:*")) == 1


async def test_a_process_says_at_its_end_what_it_had_no_time_to_say(data: Redis) -> None:
    rooms = {"lobby": Room("lobby", members={Reader(): START})}
    ending = Presence(data, rooms)
    ending.announce("lobby")
    await ending.keep()
    assert await data.hvals(WHO) == ['["Bob"]']
    rooms.clear()
    ending.announce("lobby")
    await ending.end()
    assert await data.keys() == [presence.CHANGES]
    assert await data.xlen(presence.CHANGES) == 2


async def test_those_of_a_process_that_died_are_gone_with_its_lease(
    client: Client, data: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    await data.hset(WHO, "dead", '["Zoe"]')
    await data.set("{rooms}:process:dead", 1)
    ada = await enter(client, "Ada")
    await ada.sees("Ada", "Zoe")
    await data.pexpire("{rooms}:process:dead", 10)
    await ada.sees("Ada")
    async with asyncio.timeout(5):
        while "dead" in await data.hkeys(WHO):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_nothing_is_left_where_every_process_has_died(client: Client, data: Redis) -> None:
    ada = await enter(client, "Ada")
    await ada.sees("Ada")
    assert 0 < await data.ttl(WHO) <= presence.FORGOTTEN_SECONDS


async def test_a_process_that_was_taken_for_dead_says_again_who_is_there(
    two: tuple[Client, Client], data: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    ada, bob = await enter(two[0], "Ada"), await enter(two[1], "Bob")
    await ada.sees("Ada", "Bob")
    await bob.say("every beat is quick from here")
    await data.flushall()
    eve = await enter(two[0], "Eve")
    await eve.sees("Ada", "Bob", "Eve")
