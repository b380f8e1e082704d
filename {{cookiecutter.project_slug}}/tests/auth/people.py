"""What people do with their accounts, for tests to tell of it in a line."""

import re
from typing import Any

import httpx

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"


async def mails(client: httpx.AsyncClient) -> list[dict[str, str]]:
    """The mails so far, newest first."""
    return list((await client.get("/dev/mail")).json())


async def mailed_token(client: httpx.AsyncClient) -> str:
    """The token in the newest mail's link."""
    found = re.search(r"/auth/\w+\?token=(\S+)", (await mails(client))[0]["text"])
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


def hold(client: httpx.AsyncClient, token: str) -> None:
    """Make this token the client's session cookie."""
    client.cookies.clear()
    client.cookies.set("session", token)


async def is_logged_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/auth/me")).status_code == 200
