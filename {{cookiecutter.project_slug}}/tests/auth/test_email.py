"""Another address: proven by its own mail, told to the old one."""

import asyncio

import pytest
from sqlalchemy import text

from app.database import Database
from tests.auth.people import (
    EMAIL,
    PASSWORD,
    confirm,
    elsewhere,
    forgot,
    is_logged_in,
    join,
    login,
    long_ago,
    mailed_token,
    mails,
    register,
    reset,
    watching,
)
from tests.conftest import Client

NEW = "countess@example.com"


async def move(client: Client, email: str = NEW) -> str:
    """Ask for another address; the token in the mail to it."""
    assert (await client.post("/auth/email", json={"email": email})).status_code == 202
    return await mailed_token(client)


async def follow(client: Client, token: str) -> int:
    return (await client.post("/auth/email/confirm", json={"token": token})).status_code


@pytest.fixture
async def ada(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr("app.auth.sessions.CACHE_SECONDS", 0)
    await join(client)
    await login(client)
    return client


async def test_the_address_changes_when_the_mail_to_the_new_one_is_followed(ada: Client) -> None:
    token = await move(ada)
    assert (await mails(ada))[0]["to"] == NEW
    assert (await ada.get("/auth/me")).json()["email"] == EMAIL
    assert (await ada.get(f"/auth/email/confirm?token={token}")).status_code == 200
    async with elsewhere(ada) as other:
        other.cookies.clear()
        assert [await follow(other, token) for _ in range(2)] == [204, 400]
    assert (await ada.get("/auth/me")).json()["email"] == NEW
    told = (await mails(ada))[0]
    assert (told["to"], told["subject"]) == (EMAIL, "The address of your account was changed")
    assert (await login(ada)).status_code == 401
    assert (await login(ada, NEW)).status_code == 200


async def test_whether_the_new_address_is_taken_only_its_owner_is_told(ada: Client) -> None:
    await join(ada, "eve@example.com")
    answers, done = [], []
    for email in ("eve@example.com", NEW):
        with watching(ada) as work:
            answers.append(await ada.post("/auth/email", json={"email": email}))
        done.append(work)
    assert answers[0].status_code == answers[1].status_code == 202
    assert answers[0].content == answers[1].content
    assert done[0] == done[1]
    told = [(mail["to"], "token=" in mail["text"]) for mail in (await mails(ada))[:4]]
    assert told == [(NEW, True), (EMAIL, False), ("eve@example.com", False), (EMAIL, False)]


async def test_the_login_must_be_recent(ada: Client) -> None:
    await long_ago(ada)
    answer = await ada.post("/auth/email", json={"email": NEW})
    assert (answer.status_code, answer.json()["code"]) == (403, "password_required")
    await ada.post("/auth/again", json={"password": PASSWORD})
    assert await follow(ada, await move(ada)) == 204


async def test_who_registers_the_new_address_first_has_it(ada: Client) -> None:
    token = await move(ada)
    await join(ada, NEW, "the other's password")
    assert await follow(ada, token) == 400
    assert (await ada.get("/auth/me")).json()["email"] == EMAIL


async def test_who_moves_to_an_address_first_has_it(ada: Client) -> None:
    await register(ada, NEW)
    registration = await mailed_token(ada)
    assert await follow(ada, await move(ada)) == 204
    assert (await confirm(ada, registration)).status_code == 400


async def test_what_was_mailed_before_is_void(ada: Client) -> None:
    to_reset, first = await forgot(ada), await move(ada, "first@example.com")
    second = await move(ada)
    assert [await follow(ada, token) for token in (first, second)] == [400, 204]
    async with ada.service.get(Database).reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM tickets")) == 0
    assert (await reset(ada, to_reset, "another good password")).status_code == 400


async def test_a_new_password_voids_what_an_intruder_has_begun(ada: Client) -> None:
    intruders = await move(ada, "intruder@example.com")
    assert (await reset(ada, await forgot(ada), "another good password")).status_code == 204
    assert await follow(ada, intruders) == 400
    assert not await is_logged_in(ada)


async def test_a_link_is_good_once_also_for_two_at_once(ada: Client) -> None:
    token = await move(ada)
    codes = await asyncio.gather(*(follow(ada, token) for _ in range(4)))
    assert sorted(codes) == [204, 400, 400, 400]


async def test_nobody_else_can(client: Client) -> None:
    assert (await client.post("/auth/email", json={"email": NEW})).status_code == 401
    for token in ("", "x" * 43):
        assert await follow(client, token) == 400
