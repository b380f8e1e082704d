"""Connecting a provider's login with one's account, and taking it away again."""

from typing import Any

import pytest
from sqlalchemy import text

from app import oidc
from app.auth.accounts import Accounts
from app.auth.logins import listed
from app.auth.sessions import Sessions
from app.database import Database
from tests.auth.oidc.provider import Provider, leave, log_in
from tests.auth.people import EMAIL, elsewhere, forgot, is_logged_in, join, login, mails
from tests.conftest import Client

CONNECT = "/auth/oidc/one/connect"


async def links(client: Client) -> list[str]:
    """The ids of what is connected with the account of who is logged in."""
    account = (await client.get("/auth/me")).json()["id"]
    async with client.service.get(Database).reading() as session:
        found = await listed(session, account)
    assert all(set(each) == {"id", "provider", "email", "created_at"} for each in found)
    return [each["id"] for each in found]


@pytest.fixture
async def ada(client: Client) -> Client:
    """Ada is logged in with her password."""
    await join(client)
    await login(client)
    return client


async def change(client: Client, statement: str) -> None:
    async with client.service.get(Database).writing() as session:
        await session.execute(text(statement))


async def test_what_is_connected_is_a_way_to_log_in(ada: Client, provider: Provider) -> None:
    provider.claims = {"email": "private@example.com", "email_verified": False}
    assert (await log_in(ada, CONNECT)).status_code == 204
    assert (await mails(ada))[0]["subject"] == "You can log in with One now"
    assert len(await links(ada)) == 1
    assert (await log_in(ada, CONNECT)).status_code == 204, "once more changes nothing"
    assert len(await links(ada)) == 1
    await ada.post("/auth/logout")
    assert (await log_in(ada)).json()["email"] == EMAIL


async def test_what_was_disconnected_is_not_connected_by_its_address(
    ada: Client, provider: Provider
) -> None:
    provider.claims = {"email": EMAIL, "email_verified": True}
    assert (await log_in(ada)).status_code == 200
    (link,) = await links(ada)
    assert (await ada.delete(f"/auth/oidc/links/{link}")).status_code == 204
    assert (await ada.delete(f"/auth/oidc/links/{link}")).status_code == 404
    await ada.post("/auth/logout")
    assert (await log_in(ada)).status_code == 403
    await login(ada)
    assert await links(ada) == []
    assert (await log_in(ada, CONNECT)).status_code == 204
    assert await links(ada) == [link]
    await ada.post("/auth/logout")
    assert (await log_in(ada)).json()["email"] == EMAIL


async def test_nothing_is_connected_after_a_reset_that_came_between(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, claims = await forgot(ada), oidc.Provider.claims

    async def slowly(*given: Any) -> Any:
        found = await claims(*given)
        assert await ada.service.get(Accounts).reset(token, "another good password")
        return found

    monkeypatch.setattr(oidc.Provider, "claims", slowly)
    assert (await log_in(ada, CONNECT)).status_code == 401
    await login(ada, password="another good password")
    assert await links(ada) == []


async def test_what_is_another_accounts_stays_there(ada: Client, provider: Provider) -> None:
    await log_in(ada)
    await join(ada, "eve@example.com")
    await login(ada, "eve@example.com")
    assert (await log_in(ada, CONNECT)).status_code == 409
    assert await links(ada) == []


async def test_it_is_for_who_is_still_logged_in(ada: Client) -> None:
    url = (await leave(ada, CONNECT)).headers["Location"]
    await join(ada, "eve@example.com")
    await login(ada, "eve@example.com")
    assert (await ada.get(url)).status_code == 400
    assert await links(ada) == []
    url = (await leave(ada, CONNECT)).headers["Location"]
    await ada.post("/auth/logout")
    assert (await ada.get(url)).status_code == 400


async def test_a_recent_login_is_needed(ada: Client) -> None:
    await log_in(ada)
    (link,) = await links(ada)
    await change(ada, "UPDATE sessions SET created_at = '2020-01-01'")
    ada.service.get(Sessions).forget_all()
    for answer in (await ada.post(CONNECT, json={}), await ada.delete(f"/auth/oidc/links/{link}")):
        assert (answer.status_code, answer.json()["code"]) == (403, "password_required")


async def test_nobody_and_no_program_can_connect(client: Client) -> None:
    assert (await client.post(CONNECT, json={})).status_code == 401
    assert (await client.delete(f"/auth/oidc/links/{'a' * 32}")).status_code == 401


async def test_what_is_disconnected_is_no_way_to_log_in(ada: Client, provider: Provider) -> None:
    provider.claims = {"email": "private@example.com", "email_verified": False}
    await log_in(ada, CONNECT)
    (link,) = await links(ada)
    async with elsewhere(ada) as other:
        assert (await ada.delete(f"/auth/oidc/links/{link}")).status_code == 204
        assert not await is_logged_in(other), "it may be by the provider's login"
    assert await is_logged_in(ada)
    assert (await mails(ada))[0]["subject"] == f"You cannot log in with {provider.url} any more"
    assert (await ada.post(f"/auth/oidc/links/{link}/delete")).status_code == 404
    await ada.post("/auth/logout")
    assert (await log_in(ada)).status_code == 403


async def test_only_ones_own_can_be_disconnected(ada: Client) -> None:
    await log_in(ada, CONNECT)
    (link,) = await links(ada)
    await join(ada, "eve@example.com")
    await login(ada, "eve@example.com")
    assert (await ada.delete(f"/auth/oidc/links/{link}")).status_code == 404


async def test_the_only_way_to_log_in_cannot_be_taken_away(
    client: Client, provider: Provider
) -> None:
    await log_in(client)
    (link,) = await links(client)
    assert (await client.delete(f"/auth/oidc/links/{link}")).status_code == 409
    provider.claims = {"sub": "ada-2"}
    assert (await log_in(client, CONNECT)).status_code == 204
    assert (await client.post(f"/auth/oidc/links/{link}/delete")).status_code == 204
    (link,) = await links(client)
    assert (await client.delete(f"/auth/oidc/links/{link}")).status_code == 409
    account = (await client.get("/auth/me")).json()["id"]
    key = f"('k', '{account}', 'phone', x'00', 0, '2020-01-01')"
    columns = "(id, account_id, name, public_key, sign_count, created_at)"
    await change(client, f"INSERT INTO passkeys {columns} VALUES {key}")  # noqa: S608
    assert (await client.delete(f"/auth/oidc/links/{link}")).status_code == 204
