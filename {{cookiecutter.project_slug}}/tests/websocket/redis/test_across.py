"""Rooms across processes that share a Redis."""

import asyncio
import time

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.websocket.messages import START, Id
from app.websocket.rooms import Rooms
from tests.conftest import Client, Start
from tests.websocket.peers import enter
from tests.websocket.test_rooms import TestRooms as Contract

SAID = "{rooms}:said:lobby"


class TestRooms(Contract):
    @pytest.fixture
    def environment(self, redis_url: str) -> dict[str, str]:
        return {"REDIS_URL": redis_url}


async def test_everyone_hears_the_same_order_on_every_process(two: tuple[Client, Client]) -> None:
    ada, bob = await enter(two[0], "Ada"), await enter(two[1], "Bob")
    await bob.sees("Ada", "Bob")
    await asyncio.gather(
        ada.say(*(f"a{n}" for n in range(50))), bob.say(*(f"b{n}" for n in range(50)))
    )
    heard = await ada.texts(100)
    assert len(set(heard)) == 100
    assert await bob.texts(100) == heard


@pytest.mark.parametrize("attempt", range(3))
async def test_a_process_that_has_just_begun_has_lost_nothing(
    start: Start, redis_url: str, attempt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(REDIS_URL=redis_url) as client:
        rooms = client.service.get(Rooms)
        changed = rooms.changed
        monkeypatch.setattr(rooms, "changed", lambda room: None)  # told a little late
        await enter(client, "Ada")
        await rooms.say("lobby", "Eve", "1")
        ada = await enter(client, "Ada", "lobby?after=0-0")
        monkeypatch.undo()
        changed(rooms.rooms["lobby"])
        await rooms.say("lobby", "Eve", "2")
        heard = [await ada.read() for _ in range(3)]
        assert [m and m.get("text") for m in heard if m and m["type"] != "presence"] == ["1", "2"]


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


async def test_what_is_too_old_is_not_served_and_goes(client: Client, data: Redis) -> None:
    rooms, week = client.service.get(Rooms), 7 * 24 * 3600 * 1000
    now = time.time_ns() // 1_000_000
    gone, stale = Id(now - week - 90_000, 0), Id(now - week - 1, 0)
    for old in (gone, stale):
        await data.xadd(SAID, {"who": "Ada", "text": "old"}, id=str(old))
    assert (await rooms.history("lobby", START)).messages == []
    await rooms.say("lobby", "Ada", "new")
    for after in (gone, stale):
        kept = await rooms.history("lobby", after)
        assert (kept.reset, [m.text for m in kept.messages]) == (True, ["new"])
    assert await data.xlen(SAID) == 2, "the rest goes when no clock can think it young"


async def test_a_silent_room_is_forgotten_after_a_while(client: Client, data: Redis) -> None:
    await client.service.get(Rooms).say("lobby", "Ada", "1")
    assert 0 < await data.ttl(SAID) - 7 * 24 * 3600 <= 60


async def test_without_a_limit_of_age_all_is_kept(
    start: Start, redis_url: str, data: Redis
) -> None:
    async with start(REDIS_URL=redis_url, WEBSOCKET_HISTORY_DAYS="0") as client:
        await data.xadd(SAID, {"who": "Ada", "text": "old"}, id="1-0")
        await data.expire(SAID, 100)  # said while there was a limit
        await client.service.get(Rooms).say("lobby", "Ada", "new")
        kept = await client.service.get(Rooms).history("lobby", Id(1, 0))
        assert (kept.reset, [m.text for m in kept.messages]) == (False, ["new"])
        assert await data.ttl(SAID) == -1


async def test_a_clock_that_is_ahead_does_not_cut_what_is_said_at_once(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(REDIS_URL=redis_url, WEBSOCKET_HISTORY_DAYS="0.00001") as client:
        ada = await enter(client, "Ada")
        ahead = time.time_ns() + 30 * 10**9
        monkeypatch.setattr(time, "time_ns", lambda: ahead)
        await ada.say("1", "2")
        assert await ada.texts(2) == ["1", "2"]


async def test_no_process_says_that_its_rooms_are_its_own(start: Start, redis_url: str) -> None:
    with capture_logs() as logs:
        async with start(REDIS_URL=redis_url, INSTANCE="2"):
            pass
    assert not [line for line in logs if "rooms are kept in the memory" in line["event"]]
