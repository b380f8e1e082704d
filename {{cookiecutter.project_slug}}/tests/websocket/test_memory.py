"""What only the memory of one process has to see to itself."""

import time

import pytest
from structlog.testing import capture_logs

from app.websocket import memory
from app.websocket.messages import START, Id
from app.websocket.rooms import Rooms
from tests.conftest import Client, Start


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


@pytest.mark.parametrize(("instance", "lines"), [("0", 1), ("1", 0), ("2", 1)])
async def test_a_process_that_is_not_the_only_one_says_that_its_rooms_are_its_own(
    start: Start, instance: str, lines: int
) -> None:
    with capture_logs() as logs:
        async with start(INSTANCE=instance):
            pass
    assert sum("rooms are kept in the memory" in line["event"] for line in logs) == lines


async def test_silent_rooms_are_forgotten_when_there_are_too_many(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_ROOMS", 2)
    rooms = client.service.get(Rooms)
    for name in ("one", "two", "one", "three"):
        await rooms.say(name, "Ada", "text")
    kept = {n: len((await rooms.history(n, START)).messages) for n in ("one", "two", "three")}
    assert kept == {"one": 2, "two": 0, "three": 1}


async def test_silent_rooms_are_forgotten_when_too_much_is_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_CHARACTERS", 100)
    rooms = client.service.get(Rooms)
    for name in ("one", "two", "one", "one"):
        await rooms.say(name, "Ada", "x" * 30)
    kept = {n: len((await rooms.history(n, START)).messages) for n in ("one", "two")}
    assert kept == {"one": 3, "two": 0}


async def test_what_is_too_old_is_not_served_and_goes(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms, now, day = client.service.get(Rooms), time.time_ns(), 24 * 3600 * 10**9
    for moment, name, text in ((0, "lobby", "1"), (0, "silent", "1"), (1, "lobby", "2")):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: now + moment * day)
        await rooms.say(name, "Ada", text)
    first = (await rooms.history("lobby", START)).messages[0].id
    monkeypatch.setattr(time, "time_ns", lambda: now + 7 * day + 10**6)
    kept = await rooms.history("lobby", first)
    assert (kept.reset, [m.text for m in kept.messages]) == (True, ["2"])
    assert (await rooms.history("silent", START)).messages == []
    await rooms.say("lobby", "Ada", "3")
    assert isinstance(rooms, memory.Rooms)
    assert {name: len(kept) for name, kept in rooms._kept.items()} == {"lobby": 2}


async def test_without_limits_all_is_kept(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start(WEBSOCKET_HISTORY="0", WEBSOCKET_HISTORY_DAYS="0") as client:
        rooms = client.service.get(Rooms)
        for moment in range(1, 1101):
            monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 10**6)
            await rooms.say("lobby", "Ada", "text")
        kept = await rooms.history("lobby", Id(1, 0))
        assert (kept.reset, len(kept.messages)) == (False, 1099)
