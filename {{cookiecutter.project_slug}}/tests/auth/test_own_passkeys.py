"""The passkeys of an account are for its owner to name and remove."""

from copy import copy
from typing import Any

import pytest

from app.auth.sessions import Sessions
from tests.auth.device import (
    Authenticator,
    add,
    enter,
    listed,
    options,
    sql,
    use,
    with_a_passkey,
)
from tests.auth.people import EMAIL, hold, is_logged_in, mails
from tests.conftest import Client


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
    assert client.cookies["session"] == mine, "nobody has proven anything: no new lease of life"
    assert await is_logged_in(client)
    hold(client, its)
    assert not await is_logged_in(client)
    hold(client, mine)
    assert (await use(client, device)).status_code == 401


async def test_its_owner_is_told_when_one_is_added_or_removed(client: Client) -> None:
    await enter(client)
    await add(client, Authenticator(client), name="{token} on my desk")
    await client.delete(f"/auth/passkeys/{(await listed(client))[0]['id']}")
    assert [(letter["to"], letter["subject"]) for letter in await mails(client)] == [
        (EMAIL, f"The passkey “{{token}} on my desk” was {done}") for done in ("removed", "added")
    ]


async def test_a_name_is_a_line_and_can_be_changed(client: Client) -> None:
    await with_a_passkey(client)
    (passkey,) = await listed(client)
    assert passkey["name"] == "Passkey"
    url = f"/auth/passkeys/{passkey['id']}"
    for wrong in ("", "  ", "x" * 101, "two\nlines", "two\u2028lines", None):
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


async def test_nobody_has_more_by_questions_that_were_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.passkeys.MOST", 1)
    await enter(client)
    first, second = Authenticator(client), Authenticator(client)
    asked = await options(client)
    kept = client.cookies["passkey"]
    assert (await add(client, first)).status_code == 201
    client.cookies.set("passkey", kept)
    answer = await client.post("/auth/passkeys", json={"credential": second.make(asked)})
    assert (answer.status_code, len(await listed(client))) == (400, 1)


async def test_a_login_that_was_under_way_does_not_come_after_its_removal(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await with_a_passkey(client)
    (passkey,) = await listed(client)
    mine, start = client.cookies["session"], Sessions.start

    async def late(*given: Any) -> str | None:
        async with Client(client.service, str(client.base_url)) as owner:
            hold(owner, mine)
            assert (await owner.delete(f"/auth/passkeys/{passkey['id']}")).status_code == 204
        return await start(*given)

    monkeypatch.setattr(Sessions, "start", late)
    client.cookies.clear()
    assert (await use(client, device)).status_code == 401
    assert not await is_logged_in(client)
