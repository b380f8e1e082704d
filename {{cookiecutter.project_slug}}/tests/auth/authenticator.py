"""An authenticator app, and the account that it belongs to."""

import httpx
import pyotp
import pytest
from sqlalchemy import text

from app.auth import passwords
from app.auth.models import Account
from app.auth.sessions import Sessions
from app.auth.totp import Totp, current_step
from app.database import Database
from tests.auth.people import EMAIL, PASSWORD, hold
from tests.conftest import Client


class App:
    """Its clock is the service's, and stands still until another code is asked for."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.step, self.secret = current_step(), ""
        patch.setattr("app.auth.totp.current_step", lambda: self.step)

    def code(self) -> str:
        """A code that was not there before."""
        self.step += 1
        return self.code_at(self.step)

    def code_at(self, step: int) -> str:
        return pyotp.TOTP(self.secret).generate_otp(step)

    def wrong(self) -> str:
        """What is no code now, nor near."""
        return self.code_at(self.step + 100)


async def owner(client: Client, email: str = EMAIL) -> str:
    """An account whose owner has just logged in; its id."""
    account = Account(email=email, password_hash=passwords.HASHER.hash(PASSWORD))
    async with client.service.get(Database).writing() as session:
        session.add(account)
    hold(client, await session_of(client, account.id))
    return account.id


async def session_of(client: Client, account_id: str) -> str:
    """Another session's token."""
    async with client.service.get(Database).reading() as session:
        account = await session.get_one(Account, account_id)
    token = await client.service.get(Sessions).start(account, False, "", "")
    assert token
    return token


async def enrol(client: Client, app: App) -> list[str]:
    """An account with a second factor, with nobody logged in; its recovery codes."""
    account_id, totp = await owner(client), client.service.get(Totp)
    app.secret = (await totp.propose(account_id)).secret
    async with client.service.get(Database).reading() as session:
        account = await session.get_one(Account, account_id)
    enabled = await totp.enable(account, app.code())
    assert enabled
    client.cookies.clear()
    return enabled[1]


async def propose(client: Client, app: App) -> httpx.Response:
    """Have a secret proposed, and take it into the app."""
    answer = await client.post("/auth/totp")
    app.secret = answer.json()["secret"]
    return answer


async def confirm(client: Client, code: str) -> httpx.Response:
    return await client.post("/auth/totp/confirm", json={"code": code})


async def remove(client: Client, password: str = PASSWORD) -> httpx.Response:
    return await client.request("DELETE", "/auth/totp", json={"password": password})


async def change(client: Client, statement: str) -> None:
    """Change what is in the database."""
    async with client.service.get(Database).writing() as session:
        await session.execute(text(statement))


async def kept(client: Client, *tables: str) -> str:
    """All that these tables hold."""
    async with client.service.get(Database).reading() as session:
        queries = [text(f"SELECT * FROM {table}") for table in tables]  # noqa: S608
        return str([(await session.execute(query)).all() for query in queries])
