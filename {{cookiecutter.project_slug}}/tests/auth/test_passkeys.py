"""Passkeys: what proves who somebody is, and all that does not."""

import asyncio
import json
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs
from webauthn.helpers import base64url_to_bytes

from app.auth.models import Ticket
from app.database import Database
from tests.auth.authenticator import (
    PRESENT,
    VERIFIED,
    Authenticator,
    add,
    enter,
    listed,
    options,
    prove,
    use,
    with_a_passkey,
)
from tests.auth.people import EMAIL, hold, is_logged_in, mails
from tests.conftest import Client, Start

Fault = Callable[[Authenticator], None]


def sets(**values: Any) -> Fault:
    return lambda device: vars(device).update(values)


async def sql(client: Client, query: str, **values: Any) -> None:
    async with client.service.get(Database).writing() as session:
        await session.execute(text(query), values)


FAULTS = {
    "another origin": sets(origin="http://127.0.0.1"),
    "another site's frame": sets(framed=True),
    "another site's key": sets(host="localhost"),
    "a person who was not verified": sets(flags=PRESENT),
    "nobody there": sets(flags=VERIFIED),
}


async def test_from_adding_to_logging_in(client: Client) -> None:
    account, device = await enter(client), Authenticator(client)
    answer = await add(client, device, name=" My phone ")
    made = {"id": answer.json()["id"], "name": "My phone"}
    assert (answer.status_code, answer.json()) == (201, made)
    (passkey,) = await listed(client)
    assert passkey == made | {"created_at": passkey["created_at"], "last_used_at": None}
    client.cookies.clear()
    answer = await use(client, device)
    assert (answer.status_code, answer.json()) == (200, {"id": account, "email": EMAIL})
    assert await is_logged_in(client)
    (passkey,) = await listed(client)
    assert passkey["created_at"] < passkey["last_used_at"]


async def test_to_be_remembered_is_for_passkeys_too(client: Client) -> None:
    device = await with_a_passkey(client)
    assert "Max-Age=2592000" in (await use(client, device, remember=True)).headers["Set-Cookie"]
    assert "Max-Age=2592000" not in (await use(client, device)).headers["Set-Cookie"]


async def test_a_form_does_the_same(client: Client) -> None:
    await enter(client)
    device = Authenticator(client)
    made = {"name": "By form", "credential": json.dumps(device.make(await options(client)))}
    assert (await client.post("/auth/passkeys", data=made)).status_code == 201
    answer = device.sign(await options(client, "/login"))
    used = {"credential": json.dumps(answer), "remember": "true"}
    assert (await client.post("/auth/passkeys/login", data=used)).status_code == 200


async def test_browsers_are_asked_for_what_replaces_name_and_password(client: Client) -> None:
    device = await with_a_passkey(client)
    account = (await client.get("/auth/me")).json()["id"]
    asked = await options(client)
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "userVerification": "required",
    }
    assert (asked["rp"]["id"], asked["timeout"]) == ("127.0.0.1", 300_000)
    assert asked["attestation"] == "none"
    assert base64url_to_bytes(asked["user"]["id"]) == account.encode()
    assert {key["alg"] for key in asked["pubKeyCredParams"]} == {-7, -8, -257}
    assert [base64url_to_bytes(key["id"]) for key in asked["excludeCredentials"]] == [device.id]
    asked = await options(client, "/login")
    assert (asked["rpId"], asked["userVerification"]) == ("127.0.0.1", "required")
    assert not asked.get("allowCredentials")


async def test_who_we_are_is_what_was_configured_and_the_cookie_is_this_hosts(start: Start) -> None:
    async with start(PUBLIC_URL="https://example.com:8443") as client:
        asked = await client.post("/auth/passkeys/login/options", headers={"Host": "localhost"})
    assert asked.json()["rpId"] == "example.com"
    cookie, *flags = asked.headers["Set-Cookie"].split("; ")
    assert cookie.startswith("__Host-passkey=")
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Max-Age=300", "Path=/"} <= set(flags)


async def test_no_key_is_added_by_a_wrong_answer(client: Client) -> None:
    await enter(client)
    for name, fault in FAULTS.items():
        device = Authenticator(client)
        fault(device)
        assert (name, (await add(client, device)).status_code) == (name, 400)
    assert (await listed(client), await mails(client)) == ([], [])


async def test_an_id_is_long_enough_to_be_nobody_elses_and_short_enough_to_keep(
    client: Client,
) -> None:
    await enter(client)
    for size, status in ((15, 400), (1024, 400), (16, 201), (1023, 201)):
        device = Authenticator(client)
        device.id = bytes(size)
        assert (await add(client, device)).status_code == status


async def test_nobody_gets_in_by_a_wrong_answer(client: Client) -> None:
    device = await with_a_passkey(client)
    for name, fault in FAULTS.items():
        wrong = copy(device)
        fault(wrong)
        assert (name, (await use(client, wrong)).status_code) == (name, 401)


async def test_every_failure_is_the_same(client: Client) -> None:
    device, stranger = await with_a_passkey(client), Authenticator(client)
    thief, other = copy(device), copy(device)
    thief.key, other.handle = stranger.key, "AAAA"
    answers = [await use(client, each) for each in (stranger, thief, other)]
    good = device.sign(await options(client, "/login"))
    for wrong in ({}, {"id": "\0"}, {"id": 1}, {"id": good["id"]}, good | {"response": []}):
        await options(client, "/login")
        answers.append(await prove(client, wrong))
    await sql(client, "UPDATE accounts SET disabled_at = '2020-01-01'")
    answers.append(await use(client, device))
    told = [answer.json() | {"request_id": ""} for answer in answers]
    assert [each["status"] for each in told] == [401] * 9
    assert all(each == told[0] for each in told)
    assert not any("session" in answer.cookies for answer in answers)


async def test_a_challenge_is_good_once_also_for_two_at_once(client: Client) -> None:
    device = await with_a_passkey(client, count=0)
    answer = device.sign(await options(client, "/login"))
    ticket = client.cookies["passkey"]
    answers = await asyncio.gather(*(prove(client, answer) for _ in range(3)))
    answers.append(await prove(client, answer, ticket))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_a_failure_uses_the_challenge_up(client: Client) -> None:
    device = await with_a_passkey(client)
    answer = device.sign(await options(client, "/login"))
    ticket = client.cookies["passkey"]
    assert (await prove(client, {})).status_code == 401
    assert (await prove(client, answer, ticket)).status_code == 401


async def test_a_challenge_is_good_for_five_minutes(client: Client) -> None:
    device = await with_a_passkey(client)
    for seconds, status in ((290, 200), (301, 401)):
        answer = device.sign(await options(client, "/login"))
        async with client.service.get(Database).writing() as session:
            (ticket,) = await session.scalars(select(Ticket))
            ticket.expires_at -= timedelta(seconds=seconds)
        assert (await prove(client, answer)).status_code == status


async def test_a_challenge_is_for_the_browser_that_has_asked(client: Client) -> None:
    device = await with_a_passkey(client, count=0)
    answer = device.sign(await options(client, "/login"))
    del client.cookies["passkey"]
    assert (await prove(client, answer)).status_code == 401
    await options(client, "/login")
    assert (await prove(client, answer)).status_code == 401


async def test_a_challenge_is_for_its_purpose_and_its_person(client: Client) -> None:
    device = await with_a_passkey(client)
    assert (await prove(client, device.sign(await options(client)))).status_code == 401
    asked = await options(client)
    ticket = client.cookies["passkey"]
    await enter(client, "eve@example.com")
    client.cookies.set("passkey", ticket)
    made = {"credential": Authenticator(client).make(asked)}
    assert (await client.post("/auth/passkeys", json=made)).status_code == 400


@pytest.mark.parametrize("count", [1, 5])
async def test_a_copy_is_refused_and_its_owner_is_told(client: Client, count: int) -> None:
    device = await with_a_passkey(client, count=5)
    await use(client, device)
    device.count = count
    with capture_logs() as logs:
        assert (await use(client, device)).status_code == 401
    assert [each["outcome"] for each in logs if each["event"] == "login"] == ["copied"]
    letter = (await mails(client))[0]
    assert (letter["to"], letter["subject"]) == (EMAIL, "A passkey may have been copied")


async def test_what_a_stranger_says_of_the_counter_alarms_nobody(client: Client) -> None:
    device = await with_a_passkey(client, count=5)
    forged = copy(device)
    forged.key, forged.count = Authenticator(client).key, 1
    known = len(await mails(client))
    assert (await use(client, forged)).status_code == 401
    assert len(await mails(client)) == known


async def test_the_log_says_why_for_who_has_set_something_wrong(client: Client) -> None:
    device = await with_a_passkey(client)
    device.origin = "https://elsewhere.example\n" + "x" * 1000
    with capture_logs() as logs:
        await use(client, device)
    (reason,) = [each["reason"] for each in logs if "reason" in each]
    assert "elsewhere.example" in reason
    assert len(reason) <= 200


async def test_a_passkey_is_its_owners(client: Client) -> None:
    device = await with_a_passkey(client)
    (adas,) = await listed(client)
    await enter(client, "eve@example.com")
    url = f"/auth/passkeys/{adas['id']}"
    for answer in (
        await client.post(url, json={"name": "Mine"}),
        await client.delete(url),
        await client.post(f"{url}/delete"),
        await client.delete("/auth/passkeys/nobodys"),
    ):
        assert answer.status_code == 404
    assert await is_logged_in(client)
    assert (await add(client, copy(device))).status_code == 400
    assert await listed(client) == []
    assert (await use(client, device)).json()["email"] == EMAIL
    assert [key["name"] for key in await listed(client)] == [adas["name"]]


@pytest.mark.parametrize("by_form", [False, True])
async def test_removed_it_is_worth_nothing_nor_are_its_sessions(
    client: Client, by_form: bool
) -> None:
    device = await with_a_passkey(client)
    mine = client.cookies["session"]
    client.cookies.clear()
    await use(client, device)
    its = client.cookies["session"]
    hold(client, mine)
    url = f"/auth/passkeys/{(await listed(client))[0]['id']}"
    answer = await (client.post(f"{url}/delete", data={}) if by_form else client.delete(url))
    assert (answer.status_code, await listed(client)) == (204, [])
    hold(client, its)
    assert not await is_logged_in(client)
    hold(client, mine)
    assert await is_logged_in(client)
    assert (await use(client, device)).status_code == 401


async def test_its_owner_is_told_when_one_is_added_or_removed(client: Client) -> None:
    await enter(client)
    await add(client, Authenticator(client), name="{token} on my desk")
    await client.delete(f"/auth/passkeys/{(await listed(client))[0]['id']}")
    letters = [(letter["to"], letter["subject"]) for letter in await mails(client)]
    assert letters == [(EMAIL, "A passkey was removed"), (EMAIL, "A passkey was added")]
    assert all("“{token} on my desk”" in letter["text"] for letter in await mails(client))


async def test_a_name_is_a_line_and_can_be_changed(client: Client) -> None:
    await with_a_passkey(client)
    (passkey,) = await listed(client)
    assert passkey["name"] == "Passkey"
    url = f"/auth/passkeys/{passkey['id']}"
    for wrong in ("", "  ", "x" * 101, "two\nlines", "two\u2028lines", "\0", None):
        answer = await client.post(url, json={"name": wrong})
        assert (answer.status_code, set(answer.json()["errors"])) == (422, {"name"})
    family = "\U0001f468\u200d\U0001f469 " + "x" * 96
    assert (await client.post(url, data={"name": family})).status_code == 204
    assert [key["name"] for key in await listed(client)] == [family]


async def test_who_logged_in_long_ago_changes_nothing(client: Client) -> None:
    await with_a_passkey(client)
    url = f"/auth/passkeys/{(await listed(client))[0]['id']}"
    await enter(client, "eve@example.com")
    await sql(client, "UPDATE sessions SET created_at = '2020-01-01'")
    for answer in (
        await client.post("/auth/passkeys/options"),
        await client.post("/auth/passkeys", json={}),
        await client.post(url, json={"name": "x"}),
        await client.delete(url),
        await client.post(f"{url}/delete"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "password_required")
    assert await listed(client) == []


async def test_nobody_needs_so_many(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.passkeys.MOST", 1)
    await with_a_passkey(client)
    assert (await client.post("/auth/passkeys/options")).status_code == 409


async def test_one_address_cannot_ask_or_try_for_ever(start: Start) -> None:
    async with start(AUTH_ATTEMPTS_PER_ADDRESS="2") as client:
        for path, status in (("/login/options", 200), ("/login", 401)):
            url, body = f"/auth/passkeys{path}", {"credential": dict[str, str]()}
            tried = [(await client.post(url, json=body)).status_code for _ in range(3)]
            assert tried == [status, status, 429]


async def uses_at_once(client: Client, device: Authenticator, number: int) -> list[int]:
    """Log in with copies of the device that count the same, each to a challenge of its own."""
    asked = [(await options(client, "/login"), client.cookies["passkey"]) for _ in range(number)]
    sent = (prove(client, copy(device).sign(challenge), ticket) for challenge, ticket in asked)
    return sorted(answer.status_code for answer in await asyncio.gather(*sent))


async def test_of_two_copies_at_once_one_gets_in(client: Client) -> None:
    device = await with_a_passkey(client)
    assert await uses_at_once(client, device, 2) == [200, 401]


async def test_on_postgresql_it_is_the_same(start: Start, postgres_url: str) -> None:
    async with start(DATABASE_URL=postgres_url) as client:
        device = await with_a_passkey(client)
        assert (await add(client, device)).status_code == 400
        answer = device.sign(await options(client, "/login"))
        answers = await asyncio.gather(*(prove(client, answer) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
        await options(client, "/login")
        assert (await prove(client, {"id": "\0"})).status_code == 401
        assert await uses_at_once(client, device, 4) == [200, 401, 401, 401]
        url = f"/auth/passkeys/{(await listed(client))[0]['id']}"
        assert (await client.post(url, json={"name": "New"})).status_code == 204
        assert (await client.delete(url)).status_code == 204
