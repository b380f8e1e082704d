"""Rooms, in every backend there is."""

import asyncio

import pytest

from app.websocket import rooms
from app.websocket.messages import Id
from app.websocket.rooms import Rooms
from app.websocket.sockets import MOST_WAITING, Sockets
from tests.conftest import Client, Start
from tests.websocket.peers import enter


async def until_empty(client: Client) -> None:
    async with asyncio.timeout(5):
        while client.service.get(Rooms).rooms or len(client.service.get(Sockets)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class TestRooms:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {}

    async def test_what_is_said_reaches_everyone_once_and_in_one_order(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            ada, bob = await enter(client, "Ada"), await enter(client, "Bob")
            await bob.sees("Ada", "Bob")
            await asyncio.gather(ada.say("a1", "a2", "a3"), bob.say("b1", "b2", "b3"))
            heard = await ada.texts(6)
            assert sorted(heard) == ["a1", "a2", "a3", "b1", "b2", "b3"]
            assert await bob.texts(6) == heard
            await ada.say("last")
            assert [await ada.texts(1), await bob.texts(1)] == [["last"], ["last"]]

    async def test_a_message_says_what_where_when_and_by_whom(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            ada = await enter(client, "Ada", "tea-room_1")
            await ada.say("Grüße, 世界 \u0000")
            message = await ada.next()
            assert message.pop("at").endswith("+00:00")
            assert Id.parse(message.pop("id")) > (1_700_000_000_000, 0)
            assert message == {
                "type": "message",
                "room": "tea-room_1",
                "who": "Ada",
                "text": "Grüße, 世界 \u0000",
            }

    async def test_rooms_do_not_hear_each_other(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            ada, bob = await enter(client, "Ada", "one"), await enter(client, "Bob", "two")
            await ada.say("for one")
            await ada.next()
            await bob.say("for two")
            assert await bob.texts(1) == ["for two"]

    async def test_after_replays_what_was_missed(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            ada = await enter(client, "Ada")
            await ada.say("1", "2", "3")
            first = (await ada.next())["id"]
            await ada.texts(2)
            back = await enter(client, "Ada", f"lobby?after={first}")
            newcomer = await enter(client, "Bob")
            assert await back.texts(2) == ["2", "3"]
            await ada.say("4")
            assert await back.texts(1) == ["4"]
            assert await newcomer.texts(1) == ["4"]

    async def test_nothing_is_lost_or_doubled_while_others_speak(
        self, start: Start, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.websocket.rooms.CHUNK", 20)
        async with start(WEBSOCKET_MESSAGES_PER_MINUTE="0", **environment) as client:
            ada = await enter(client, "Ada")
            expected = [str(number) for number in range(100)]
            entering = (enter(client, "Bob", "lobby?after=0-0") for _ in range(20))
            speaking = asyncio.create_task(ada.say(*expected))
            late = await asyncio.gather(*entering)
            await speaking
            for peer in (ada, *late, await enter(client, "Eve", "lobby?after=0-0")):
                assert await peer.texts(len(expected)) == expected
            await ada.say("end")
            for peer in late:
                assert await peer.texts(1) == ["end"]

    @pytest.mark.parametrize("unknown", ["1-0", "99999999999999-0", "that of 1"])
    async def test_what_is_not_kept_resets(
        self, start: Start, environment: dict[str, str], unknown: str
    ) -> None:
        async with start(WEBSOCKET_HISTORY="3", **environment) as client:
            ada = await enter(client, "Ada")
            await ada.say("1", "2", "3", "4")
            unknown = unknown.replace("that of 1", (await ada.next())["id"])
            await ada.texts(3)
            back = await enter(client, "Bob", f"lobby?after={unknown}")
            assert await back.read() == {"type": "reset"}
            assert await back.texts(3) == ["2", "3", "4"]
            await ada.say("5")
            assert await back.texts(1) == ["5"]
            answer = (await client.get(f"/rooms/lobby/messages?after={unknown}")).json()
            assert answer["reset"] is True
            assert [m["text"] for m in answer["messages"]] == ["3", "4", "5"]

    async def test_a_reset_of_an_empty_room_still_hears_what_follows(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            ada = await enter(client, "Ada", "lobby?after=99999999999999-0")
            assert await ada.read() == {"type": "reset"}
            await ada.say("1")
            assert await ada.texts(1) == ["1"]

    async def test_history_is_there_over_http(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            assert (await client.get("/rooms/lobby/messages")).json() == {"messages": []}
            rooms = client.service.get(Rooms)
            for text in ("1", "2", "3"):
                await rooms.say("lobby", "Ada", text)
            messages = (await client.get("/rooms/lobby/messages")).json()["messages"]
            assert [m["text"] for m in messages] == ["1", "2", "3"]
            newer = await client.get("/rooms/lobby/messages", params={"after": messages[0]["id"]})
            assert newer.json() == {"messages": messages[1:]}

    async def test_a_long_replay_waits_for_its_reader(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            rooms, text = client.service.get(Rooms), "x" * 32768
            number = 4 * MOST_WAITING // len(text)
            for _ in range(number):
                await rooms.say("lobby", "Ada", text)
            bob = await enter(client, "Bob", "lobby?after=0-0")
            assert await bob.texts(number) == [text] * number
            await bob.sees("Bob")

    async def test_presence_follows_who_comes_and_goes(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            bob = await enter(client, "Bob")
            await bob.sees("Bob")
            ada = await enter(client, "Ada")
            again = await enter(client, "Ada")
            for peer in (bob, ada, again):
                await peer.sees("Ada", "Bob")
            ada.leave()
            await ada.end()
            again.leave()
            await bob.sees("Bob")

    async def test_many_who_come_at_once_are_told_of_together(
        self, start: Start, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rooms, "SECONDS_A_MEMBER", 0.05)
        async with start(**environment) as client:
            bob = await enter(client, "Bob")
            for number in range(30):
                await enter(client, f"P{number}")
            assert await bob.sees_so_many(31) < 15

    async def test_nothing_remains_of_those_who_left(
        self, start: Start, environment: dict[str, str]
    ) -> None:
        async with start(**environment) as client:
            peers = [await enter(client, f"P{n}", f"room{n % 7}?after=0-0") for n in range(50)]
            assert len(client.service.get(Rooms).rooms) == 7
            for number, peer in enumerate(peers):
                if number % 2:
                    peer.leave()
                else:
                    peer.vanish()
            await until_empty(client)
            sockets = client.service.get(Sockets)
            assert not sockets._by_key
            assert not sockets._by_session
