"""What people do with their accounts, for tests to tell of it in a line."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import httpx
from sqlalchemy import event, update

from app.auth.models import Session
from app.auth.passwords import Passwords
from app.auth.sessions import Sessions
from app.database import Database, now
from tests.conftest import Client

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"


async def mails(client: httpx.AsyncClient) -> list[dict[str, str]]:
    """The mails so far, newest first."""
    return list((await client.get("/dev/mail")).json())


async def mailed_token(client: httpx.AsyncClient) -> str:
    """The token in the newest mail's link."""
    found = re.search(r"/auth/[\w/]+\?token=(\S+)", (await mails(client))[0]["text"])
    assert found
    return found[1]


async def register(
    client: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD
) -> httpx.Response:
    return await client.post("/auth/register", json={"email": email, "password": password})


async def confirm(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/auth/confirm", json={"token": token})


async def join(client: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> None:
    """Register and follow the mail's link."""
    assert (await register(client, email, password)).status_code == 202
    assert (await confirm(client, await mailed_token(client))).status_code == 204


async def login(
    client: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD, **more: Any
) -> httpx.Response:
    given = {"email": email, "password": password} | more
    return await client.post("/auth/login", json=given)


def recorded(logs: Sequence[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    """What was recorded of accounts, whatever else goes on in the process."""
    return [entry for entry in logs if "outcome" in entry]


def hold(client: httpx.AsyncClient, token: str) -> None:
    """Make this token the client's session cookie."""
    client.cookies.clear()
    client.cookies.set("session", token)


async def is_logged_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/auth/me")).status_code == 200


async def forgot(client: httpx.AsyncClient, email: str = EMAIL) -> str:
    """Ask for a new password; the token in the mail's link."""
    assert (await client.post("/auth/forgot", json={"email": email})).status_code == 202
    return await mailed_token(client)


async def reset(client: httpx.AsyncClient, token: str, password: str) -> httpx.Response:
    return await client.post("/auth/reset", json={"token": token, "password": password})


@asynccontextmanager
async def elsewhere(client: Client) -> AsyncIterator[Client]:
    """Another browser, in which the same person is logged in."""
    async with Client(client.service, str(client.base_url)) as other:
        assert (await login(other)).status_code == 200
        yield other


async def long_ago(client: Client, minutes: int = 16) -> None:
    """Let every login be so long ago, by default longer than what changes an account wants."""
    async with client.service.get(Database).writing() as session:
        then = now() - timedelta(minutes=minutes)
        await session.execute(update(Session).values(created_at=then))
    client.service.get(Sessions).forget_all()


@contextmanager
def watching(client: Client) -> Iterator[list[str]]:
    """What the service asks of its database and how often it hashes while the block lasts."""
    work, engine = list[str](), client.service.get(Database).engine.sync_engine
    hashing = Passwords._in_a_thread

    def asked(*call: Any) -> None:
        if not re.search("BEGIN|FROM ended", call[2]):  # these are of no request
            work.append(call[2])

    async def hashed(self: Passwords, what: Callable[[], Any]) -> Any:
        work.append("hash")
        return await hashing(self, what)

    event.listen(engine, "before_cursor_execute", asked)
    with patch.object(Passwords, "_in_a_thread", hashed):
        yield work
    event.remove(engine, "before_cursor_execute", asked)
