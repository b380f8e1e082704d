"""Sockets: who may open one, and how they end."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.websocket.rooms import Rooms
from app.websocket.sockets import Sockets
from tests.conftest import Client, Start
from tests.websocket.peers import by_header, enter, refused


async def test_is_not_opened_for_those_who_are_not_known(client: Client) -> None:
    client.service.identify = by_header
    problem, _ = await refused(client)
    assert problem["status"] == 401
    assert (await client.get("/rooms/lobby")).status_code == 401
    assert (await client.get("/rooms/lobby/messages")).status_code == 401


async def test_is_not_opened_for_another_site(client: Client) -> None:
    for header in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert (await refused(client, **header))[0]["status"] == 403
    assert (await refused(client, Origin="http://["))[0]["status"] == 403
    for headers in ({"Origin": str(client.base_url).rstrip("/")}, {"Sec_Fetch_Site": "none"}):
        await (await enter(client, **headers)).next("presence")


async def test_a_page_that_was_not_fetched_as_the_service_is_served_may_be_forged(
    client: Client,
) -> None:
    forged = str(client.base_url).rstrip("/").replace("http:", "https:")
    assert (await refused(client, Origin=forged))[0]["status"] == 403


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
    assert await peer.codes("") == ["invalid"]
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


async def test_counts_sockets_and_messages(client: Client) -> None:
    said = REGISTRY.get_sample_value("websocket_messages_total") or 0
    peer = await enter(client)
    await peer.say("1")
    await peer.next()
    assert REGISTRY.get_sample_value("websocket_sockets") == 1
    assert REGISTRY.get_sample_value("websocket_messages_total") == said + 1
