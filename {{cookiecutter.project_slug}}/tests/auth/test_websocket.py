"""Who speaks in a room is who is logged in, for as long as they are."""

import pytest
from tornado.httpclient import HTTPClientError

from tests.auth.people import EMAIL, join, login
from tests.conftest import Client
from tests.websocket.peers import enter


async def log_in(client: Client) -> str:
    """What to send as `Cookie` after a login."""
    await join(client)
    await login(client)
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


async def test_a_logged_in_person_speaks_under_their_name(client: Client) -> None:
    cookie = await log_in(client)
    ada = await enter(client, Cookie=cookie)
    name = (await ada.next("presence"))["who"]
    assert name == [EMAIL]
    await ada.say("Hello")
    assert [(await ada.next())["who"]] == name
    page = await client.get("/rooms/lobby", headers={"Accept": "application/json"})
    assert page.json()["who"] == name[0]


async def test_nobody_else_comes_in(client: Client) -> None:
    for headers in ({}, {"Cookie": "session=forged"}):
        with pytest.raises(HTTPClientError) as refused:
            await enter(client, **headers)
        assert refused.value.code == 401
    answer = await client.get("/rooms/lobby/messages")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_logging_out_ends_the_socket(client: Client) -> None:
    ada = await enter(client, Cookie=await log_in(client))
    await ada.next("presence")
    assert (await client.post("/auth/logout")).status_code == 204
    assert await ada.end() == 4401
