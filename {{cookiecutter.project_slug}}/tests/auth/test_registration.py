"""Registering and confirming: the account begins when the mail's link is followed."""

import asyncio

import pytest
from sqlalchemy import text

from app.database import Database
from tests.auth.people import (
    EMAIL,
    PASSWORD,
    confirm,
    is_logged_in,
    join,
    login,
    mailed_token,
    mails,
    register,
    watching,
)
from tests.conftest import Client, Start

OTHER = "another good password"


async def test_from_registration_to_logout(client: Client) -> None:
    assert (await register(client)).status_code == 202
    assert (await confirm(client, await mailed_token(client))).status_code == 204
    answer = await login(client)
    assert (answer.status_code, answer.json()["email"]) == (200, EMAIL)
    me = await client.get("/auth/me")
    assert me.json() == {**answer.json(), "confirmed": True, "second_factors": []}
    assert me.headers["Cache-Control"] == "no-store"
    assert (await client.post("/auth/logout")).status_code == 204
    assert (await client.get("/auth/me")).status_code == 401


async def test_the_answer_does_not_tell_whether_there_is_an_account(client: Client) -> None:
    await join(client)
    taken, new = await register(client), await register(client, "new@example.com")
    assert (taken.status_code, taken.content) == (new.status_code, new.content)


async def test_the_owner_of_a_taken_address_gets_a_mail_that_changes_nothing(
    client: Client,
) -> None:
    await join(client)
    await register(client, EMAIL.upper(), "another good password")
    newest = (await mails(client))[0]
    assert newest["to"] == EMAIL
    assert "token=" not in newest["text"]
    assert (await login(client)).status_code == 200


async def test_without_the_link_there_is_no_login(client: Client) -> None:
    await register(client)
    unconfirmed, unknown = await login(client), await login(client, "nobody@example.com")
    assert unconfirmed.status_code == 401
    assert unconfirmed.json()["detail"] == unknown.json()["detail"]


async def test_looking_at_the_link_confirms_nothing(client: Client) -> None:
    await register(client)
    token = await mailed_token(client)
    for _ in range(2):
        assert (await client.get(f"/auth/confirm?token={token}")).json()["fields"] == ["token"]
    assert (await login(client)).status_code == 401


async def test_a_link_is_good_once_also_for_two_at_once(client: Client) -> None:
    await register(client)
    token = await mailed_token(client)
    answers = await asyncio.gather(*(confirm(client, token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 400, 400, 400]


async def test_on_postgresql_it_is_the_same(start: Start, postgres_url: str) -> None:
    async with start(DATABASE_URL=postgres_url) as client:
        await register(client)
        first = await mailed_token(client)
        await register(client, password=OTHER)
        second = await mailed_token(client)
        tokens = [first, second] * 3
        answers = await asyncio.gather(*(confirm(client, token) for token in tokens))
        assert sorted(answer.status_code for answer in answers) == [204] + [400] * 5
        won = PASSWORD if 204 in [answer.status_code for answer in answers[::2]] else OTHER
        assert (await login(client, password=won)).status_code == 200
        assert await is_logged_in(client)
        await client.post("/auth/logout")
        assert not await is_logged_in(client)
        for tidy in client.service.housekeeping:
            await tidy()


async def test_a_link_ends_with_its_time(client: Client) -> None:
    await register(client)
    async with client.service.get(Database).writing() as session:
        await session.execute(text("UPDATE tickets SET expires_at = '2020-01-01 00:00:00'"))
    assert (await confirm(client, await mailed_token(client))).status_code == 400


async def test_a_link_is_for_its_purpose_only(client: Client) -> None:
    await register(client)
    async with client.service.get(Database).writing() as session:
        await session.execute(text("UPDATE tickets SET purpose = 'reset'"))
    assert (await confirm(client, await mailed_token(client))).status_code == 400


async def test_a_stranger_who_registers_my_address_first_gets_nothing_by_it(
    client: Client,
) -> None:
    await register(client, password="the stranger's password")
    strangers = await mailed_token(client)
    await join(client)
    assert (await login(client, password="the stranger's password")).status_code == 401
    assert (await confirm(client, strangers)).status_code == 400
    assert (await login(client)).status_code == 200


async def test_who_registers_once_more_makes_the_last_link_void(client: Client) -> None:
    await register(client)
    first = await mailed_token(client)
    await register(client)
    assert (await confirm(client, first)).status_code == 400
    assert (await confirm(client, await mailed_token(client))).status_code == 204


async def test_a_stranger_who_registers_my_address_later_makes_nothing_void(
    client: Client,
) -> None:
    await register(client)
    mine = await mailed_token(client)
    await register(client, password="the stranger's password")
    assert (await confirm(client, mine)).status_code == 204
    assert (await login(client)).status_code == 200


async def test_registering_is_the_same_work_whatever_there_is(client: Client) -> None:
    await join(client)
    await register(client, "pending@example.com")
    done = []
    for email in (EMAIL, "pending@example.com", "new@example.com", EMAIL):
        with watching(client) as work:
            await register(client, email)
        done.append(work)
    assert done[0].count("hash") == 2
    assert done[0] == done[1] == done[2] == done[3]


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 257, "password123", "PassWord1", "22222222", "zaqzaqzaqzaq", "Superman"],
)
async def test_a_weak_password_is_refused_with_a_reason(client: Client, password: str) -> None:
    answer = await register(client, password=password)
    assert (answer.status_code, set(answer.json()["errors"])) == (422, {"password"})
    assert await mails(client) == []


@pytest.mark.parametrize("email", ["", "ada", "a@b", "a\n@example.com", "x" * 400 + "@e.com"])
async def test_what_is_no_address_is_refused(client: Client, email: str) -> None:
    answer = await register(client, email)
    assert (answer.status_code, set(answer.json()["errors"])) == (422, {"email"})


@pytest.mark.parametrize(
    ("registered", "typed"),
    [
        ("Ada@BÜCHER.example.com", "ada@xn--bcher-kva.example.com"),
        ("ada@xn--bcher-kva.example.com", "ada@bücher.example.com"),
        ("jos\u00e9@example.com", "Jose\u0301@example.com"),
        ("jose\u0301@example.com", " JOS\u00c9@example.com "),
    ],
)
async def test_an_address_is_the_same_however_it_is_typed(
    client: Client, registered: str, typed: str
) -> None:
    await join(client, registered)
    assert (await login(client, typed)).status_code == 200
    await register(client, typed)
    assert "token=" not in (await mails(client))[0]["text"]


async def test_links_lead_to_us_whatever_host_was_asked(start: Start) -> None:
    async with start(PUBLIC_URL="https://example.com") as client:
        evil = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
        given = {"email": EMAIL, "password": PASSWORD}
        await client.post("/auth/register", json=given, headers=evil)
        sent = (await mails(client))[0]["text"]
    assert "https://example.com/auth/confirm?token=" in sent
    assert "evil" not in sent


async def test_a_form_does_the_same(client: Client) -> None:
    given = {"email": EMAIL, "password": PASSWORD}
    assert (await client.post("/auth/register", data=given)).status_code == 202
    token = {"token": await mailed_token(client)}
    assert (await client.post("/auth/confirm", data=token)).status_code == 204
    await client.post("/auth/login", data=given | {"remember": "on"})
    assert await is_logged_in(client)


@pytest.mark.parametrize("page", ["register", "login"])
async def test_a_client_without_pages_is_told_what_to_send(client: Client, page: str) -> None:
    told = (await client.get(f"/auth/{page}")).json()
    assert told["method"] == "POST"
    assert {"email", "password"} <= set(told["fields"])
