"""Changing the password: by who knows it, and everybody else is out."""

import asyncio

import pytest

from app.auth.passwords import Passwords
from tests.auth.people import (
    PASSWORD,
    elsewhere,
    forgot,
    hold,
    is_logged_in,
    join,
    login,
    mailed_token,
    mails,
    reset,
)
from tests.conftest import Client, Start

NEW = "another good password"


async def change(client: Client, current: str = PASSWORD, new: str = NEW) -> int:
    answer = await client.post("/auth/password", json={"current": current, "new": new})
    return answer.status_code


@pytest.fixture
async def ada(client: Client) -> Client:
    await join(client)
    await login(client)
    return client


async def test_the_password_changes_and_only_this_session_goes_on(ada: Client) -> None:
    before = ada.cookies["session"]
    async with elsewhere(ada) as other:
        assert await change(ada) == 204
        assert await is_logged_in(ada)
        assert not await is_logged_in(other)
    assert ada.cookies["session"] != before
    assert (await mails(ada))[0]["subject"] == "Your password was changed"
    hold(ada, before)
    assert not await is_logged_in(ada)
    assert (await login(ada)).status_code == 401
    assert (await login(ada, password=NEW)).status_code == 200


async def test_a_remembered_login_stays_remembered(client: Client) -> None:
    await join(client)
    await login(client, remember=True)
    given = {"current": PASSWORD, "new": NEW}
    answer = await client.post("/auth/password", json=given)
    assert "Max-Age=2592000" in answer.headers["Set-Cookie"]


async def test_the_current_password_must_be_right(ada: Client) -> None:
    answer = await ada.post("/auth/password", json={"current": "wrong", "new": NEW})
    assert (answer.status_code, answer.json()["detail"]) == (401, "The password is wrong.")
    assert set(answer.json()["errors"]) == {"current"}
    assert await is_logged_in(ada)
    assert (await login(ada)).status_code == 200


async def test_guesses_are_throttled_as_logins_are(start: Start) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="3") as client:
        await join(client)
        await login(client)
        assert [await change(client, "wrong") for _ in range(3)] == [401] * 3
        assert await change(client) == 429
        assert (await login(client)).status_code == 429


async def test_the_new_one_obeys_the_rules(ada: Client) -> None:
    answer = await ada.post("/auth/password", json={"current": PASSWORD, "new": "password123"})
    assert (answer.status_code, set(answer.json()["errors"])) == (422, {"new"})


async def test_what_was_mailed_before_is_void(ada: Client) -> None:
    token = await forgot(ada)
    await ada.post("/auth/email", json={"email": "eve@example.com"})
    moving = await mailed_token(ada)
    assert await change(ada) == 204
    assert (await reset(ada, token, "a third password")).status_code == 400
    answer = await ada.post("/auth/email/confirm", json={"token": moving})
    assert answer.status_code == 400


async def test_of_two_at_once_one_wins(ada: Client) -> None:
    cookie = {"Cookie": f"session={ada.cookies['session']}"}
    ada.cookies.clear()
    given = [{"current": PASSWORD, "new": f"{NEW} {number}"} for number in range(2)]
    tries = [ada.post("/auth/password", json=body, headers=cookie) for body in given]
    codes = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert sorted(codes) == [204, 401]
    ada.cookies.clear()
    for number, code in enumerate(codes):
        answer = await login(ada, password=f"{NEW} {number}")
        assert answer.status_code == (200 if code == 204 else 401)


async def test_a_password_that_was_kept_in_an_old_way_can_be_changed(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Passwords, "is_old", lambda *_: True)
    assert await change(ada) == 204
    assert (await login(ada, password=NEW)).status_code == 200


async def test_nobody_else_can(client: Client) -> None:
    assert await change(client) == 401
