"""What only the memory of one process has to see to itself."""

import time

import pytest

from app.websocket import memory
from app.websocket.messages import START, Id
from app.websocket.rooms import Rooms
from tests.conftest import Client


async def test_ids_rise_also_when_the_clock_is_set_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms, hour = client.service.get(Rooms), 3600 * 10**9
    now = time.time_ns()
    for moment in (now, now, now - hour, now + 1_000_000):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        await rooms.say("lobby", "Ada", "text")
    ids = [message.id for message in (await rooms.history("lobby", START)).messages]
    ms = now // 1_000_000
    assert ids == [Id(ms, 0), Id(ms, 1), Id(ms, 2), Id(ms + 1, 0)]


async def test_silent_rooms_are_forgotten_when_there_are_too_many(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_ROOMS", 2)
    rooms = client.service.get(Rooms)
    for name in ("one", "two", "one", "three"):
        await rooms.say(name, "Ada", "text")
    kept = {n: len((await rooms.history(n, START)).messages) for n in ("one", "two", "three")}
    assert kept == {"one": 2, "two": 0, "three": 1}
