"""Challenges are answered once, and by one authenticator."""

import asyncio
from copy import copy
from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from app.auth.models import Ticket
from app.database import Database
from tests.auth.device import (
    Authenticator,
    add,
    enter,
    listed,
    options,
    prove,
    use,
    with_a_passkey,
)
from tests.auth.people import EMAIL, mails
from tests.conftest import Client, Start


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
    assert letter["to"] == EMAIL
    assert letter["subject"].endswith("was refused: there may be a copy of it")


async def test_what_a_stranger_says_of_the_counter_alarms_nobody(client: Client) -> None:
    device = await with_a_passkey(client, count=5)
    forged = copy(device)
    forged.key, forged.count = Authenticator(client).key, 1
    known = len(await mails(client))
    assert (await use(client, forged)).status_code == 401
    assert len(await mails(client)) == known


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
        assert (await prove(client, {"id": "!"})).status_code == 401
        assert await uses_at_once(client, device, 4) == [200, 401, 401, 401]
        url = f"/auth/passkeys/{(await listed(client))[0]['id']}"
        assert (await client.post(url, json={"name": "New"})).status_code == 204
        assert (await client.delete(url)).status_code == 204
