"""What a login rests on may change while somebody logs in."""

import asyncio
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from app.auth import passwords
from app.auth.accounts import Accounts
from app.auth.models import Account
from app.auth.revocations import Revocations
from app.auth.sessions import Sessions
from app.database import Database
from tests.auth.people import EMAIL, PASSWORD, forgot, is_logged_in, join, login, reset
from tests.conftest import Client, Start


async def account_of(client: Client) -> Account:
    async with client.service.get(Database).reading() as session:
        return (await session.scalars(select(Account))).one()


async def test_a_login_does_not_outlive_a_reset_that_came_between(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(client)
    token, authenticate = await forgot(client), Accounts.authenticate

    async def slowly(accounts: Accounts, *given: Any) -> Account | None:
        account = await authenticate(accounts, *given)
        assert await accounts.reset(token, "another good password")
        return account

    monkeypatch.setattr(Accounts, "authenticate", slowly)
    assert (await login(client)).status_code == 401
    assert not await is_logged_in(client)


async def test_a_session_waits_for_a_change_and_does_not_begin_after_it(
    start: Start, database_url: str
) -> None:
    async with start(DATABASE_URL=database_url) as client:
        await join(client)
        proven, sessions = await account_of(client), client.service.get(Sessions)
        changing = client.service.get(Revocations).ending(Account.id == proven.id)
        async with changing as session:
            beginning = asyncio.create_task(sessions.start(proven, False, "", ""))
            done, _ = await asyncio.wait([beginning], timeout=0.2)
            assert not done
            (await session.get_one(Account, proven.id)).password_hash = "another"
        assert await beginning is None


async def test_a_login_keeps_the_password_as_it_is_kept_today(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(client)
    before = (await account_of(client)).password_hash
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(2, 16, 1))
    assert (await login(client, password="a wrong one")).status_code == 401
    assert (await account_of(client)).password_hash == before
    assert (await login(client)).status_code == 200
    after = (await account_of(client)).password_hash
    assert after
    assert "m=16,t=2" in after
    assert (await login(client)).status_code == 200


async def test_who_proves_the_address_is_no_stranger_any_more(start: Start) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="2") as client:
        await join(client)
        tried = [(await login(client, password="a wrong one")).status_code for _ in range(3)]
        assert tried == [401, 401, 429]
        assert (await reset(client, await forgot(client), PASSWORD)).status_code == 204
        assert (await login(client, EMAIL)).status_code == 200
