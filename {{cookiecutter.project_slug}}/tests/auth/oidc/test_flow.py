"""Logging in with a provider: who comes back is let in, into the right account."""

import asyncio

from sqlalchemy import select, text
from structlog.testing import capture_logs

from app.auth.models import Account, ProviderLogin
from app.database import Database, now
from app.oidc.provider import derived
from tests.auth.oidc.provider import SECRET, Provider, leave, log_in, settings
from tests.auth.people import EMAIL, is_logged_in, join, login, mails, recorded
from tests.conftest import Client, Start


async def test_somebody_new_has_an_account_by_the_confirmed_address(client: Client) -> None:
    answer = await log_in(client)
    assert (answer.status_code, answer.json()["email"]) == (200, EMAIL)
    assert (await client.get("/auth/me")).json()["id"] == answer.json()["id"]
    assert (await login(client, password="")).status_code == 401
    assert [mail["to"] for mail in await mails(client)] == [EMAIL]


async def test_who_comes_again_is_the_same_also_with_another_address(
    client: Client, provider: Provider
) -> None:
    first = await log_in(client)
    provider.claims = {"email": "new@example.com", "email_verified": False}
    again = await log_in(client)
    assert again.json() == first.json()


async def test_an_account_with_the_address_is_connected_and_its_owner_told(client: Client) -> None:
    await join(client)
    known = (await login(client)).json()
    await client.post("/auth/logout")
    assert (await log_in(client)).json() == known
    newest = (await mails(client))[0]
    assert (newest["to"], newest["subject"]) == (EMAIL, "You can log in with One now")


async def test_an_address_that_changed_hands_opens_nobody_elses_account(
    client: Client, provider: Provider
) -> None:
    await log_in(client)
    await client.post("/auth/logout")
    provider.claims = {"sub": "ada-2"}
    assert (await log_in(client)).status_code == 403
    assert not await is_logged_in(client)


async def test_an_address_that_is_none_or_not_confirmed_is_nobodys(
    client: Client, provider: Provider
) -> None:
    await join(client)
    said = [("email_verified", value) for value in (False, None, "false", "yes", 1.5)]
    said += [("email", value) for value in (None, "ada", "ada@localhost", 7)]
    for claim, value in said:
        provider.claims = {claim: value}
        answer = await log_in(client)
        assert (answer.status_code, "not confirmed" in answer.json()["detail"]) == (403, True)
        assert not await is_logged_in(client)
    provider.claims = {"email_verified": "true"}  # as some say it
    assert (await log_in(client)).status_code == 200


async def test_a_disabled_account_is_not_let_in_nor_connected(client: Client) -> None:
    await join(client)
    async with client.service.get(Database).writing() as session:
        (account,) = await session.scalars(select(Account))
        account.disabled_at = now()
    assert (await log_in(client)).status_code == 401
    assert not await is_logged_in(client)
    async with client.service.get(Database).reading() as session:
        assert (await session.scalars(select(ProviderLogin))).all() == []


async def test_who_wants_to_be_remembered_is(client: Client) -> None:
    back = await leave(client, remember=True)
    answer = await client.get(back.headers["Location"])
    assert "Max-Age=2592000" in str(answer.headers.get_list("Set-Cookie"))


async def test_of_two_who_come_back_at_once_there_is_one_account(
    start: Start, provider: Provider, database_url: str
) -> None:
    async with start(**settings(provider), DATABASE_URL=database_url) as client:
        backs = list[tuple[str, str]]()
        for _ in range(4):
            back = await leave(client)
            backs.append((back.headers["Location"], client.cookies["oidc"]))
        client.cookies.clear()
        answers = await asyncio.gather(
            *(client.get(url, headers={"Cookie": f"oidc={secret}"}) for url, secret in backs)
        )
        assert [answer.status_code for answer in answers] == [200] * 4
        assert len({answer.json()["id"] for answer in answers}) == 1
        async with client.service.get(Database).reading() as session:
            assert len((await session.scalars(select(ProviderLogin))).all()) == 1


async def test_the_secret_can_also_be_posted(client: Client, provider: Provider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert (await log_in(client)).status_code == 200


async def test_over_https_no_other_host_can_set_the_cookie(
    start: Start, provider: Provider
) -> None:
    async with start(**settings(provider), PUBLIC_URL="https://example.com") as client:
        answer = await client.post("/auth/oidc/one", json={})
    (cookie,) = answer.headers.get_list("Set-Cookie")
    assert cookie.startswith("__Host-oidc=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "redirect_uri=https%3A%2F%2Fexample.com%2Fauth%2Foidc%2Fone%2Fcallback" in answer.text


async def test_nothing_that_is_secret_is_kept_or_logged(client: Client, provider: Provider) -> None:
    with capture_logs() as logs:
        back = await leave(client)
        async with client.service.get(Database).reading() as session:
            kept = str((await session.execute(text("SELECT * FROM tickets"))).all())
        cookie, wanted = client.cookies["oidc"], provider.wanted["code-0"]
        secrets = [cookie, SECRET, derived(cookie, "verifier"), wanted["nonce"], wanted["state"]]
        await client.get(back.headers["Location"])
        await client.get(back.headers["Location"])
    for secret in secrets:
        assert secret not in kept + str(logs)
    assert [(entry["event"], entry["outcome"]) for entry in recorded(logs)] == [
        ("login", "ok"),
        ("provider", "not this browser's, or too late"),
    ]


async def test_a_client_without_pages_is_told_of_the_providers(
    start: Start, provider: Provider
) -> None:
    async with start(**settings(provider)) as client:
        assert (await client.get("/auth/login")).json()["providers"] == ["one"]
        assert (await client.post("/auth/oidc/other", json={})).status_code == 404
        assert (await client.get("/auth/oidc/other/callback")).status_code == 404
    async with start() as client:
        assert (await client.get("/auth/login")).json()["providers"] == []


async def test_who_goes_to_providers_again_and_again_is_stopped(
    start: Start, provider: Provider
) -> None:
    async with start(**settings(provider), AUTH_ATTEMPTS_PER_ADDRESS="2") as client:
        tried = [(await client.post("/auth/oidc/one", json={})).status_code for _ in range(3)]
    assert tried == [200, 200, 429]
