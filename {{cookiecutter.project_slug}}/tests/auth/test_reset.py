"""A forgotten password: the mailed link sets another one, and whoever was in is out."""

import asyncio
from typing import Any

from sqlalchemy import text, update
from structlog.testing import capture_logs

from app.auth.accounts import RESET_WITHIN
from app.auth.models import Account, ApiToken
from app.auth.tokens import hashed, issue, new_token
from app.database import Database, now
from tests.auth.people import (
    EMAIL,
    PASSWORD,
    confirm,
    elsewhere,
    forgot,
    is_logged_in,
    join,
    login,
    mailed_token,
    mails,
    recorded,
    register,
    reset,
    watching,
)
from tests.conftest import Client, Start

NEW, OTHER = "another good password", "yet another good one"


async def change(client: Client, **values: Any) -> str:
    """Change every account in the database; the id of the last."""
    async with client.service.get(Database).writing() as session:
        query = update(Account).values(**values).returning(Account.id)
        return str((await session.scalars(query)).all()[-1])


async def test_a_forgotten_password_is_chosen_anew_and_its_owner_told(client: Client) -> None:
    await join(client)
    assert (await reset(client, await forgot(client), NEW)).status_code == 204
    assert not await is_logged_in(client)
    newest = (await mails(client))[0]
    assert (newest["to"], newest["subject"]) == (EMAIL, "Your password was changed")
    assert (await login(client)).status_code == 401
    assert (await login(client, password=NEW)).status_code == 200


async def test_who_has_an_account_is_told_by_mail_only(client: Client) -> None:
    await join(client)
    await join(client, "off@example.com")
    async with client.service.get(Database).writing() as session:
        off = update(Account).where(Account.email == "off@example.com")
        await session.execute(off.values(disabled_at=now()))
    answers, done = [], []
    for email in (EMAIL, "off@example.com", "nobody@example.com"):
        with watching(client) as work:
            answers.append(await client.post("/auth/forgot", json={"email": email}))
        done.append(work)
    assert len({(a.status_code, a.content, *sorted(a.headers)) for a in answers}) == 1
    assert done[0] == done[1] == done[2] != []
    told = [(mail["to"], "token=" in mail["text"]) for mail in (await mails(client))[:3]]
    assert told == [("nobody@example.com", False), ("off@example.com", False), (EMAIL, True)]


async def test_asking_is_throttled_whoever_is_asked_for(start: Start) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="1") as client:
        for email in (EMAIL, "nobody@example.com"):
            asked = [await client.post("/auth/forgot", json={"email": email}) for _ in range(2)]
            assert [answer.status_code for answer in asked] == [202, 429]


async def test_the_log_tells_who_and_no_secret(client: Client) -> None:
    await join(client)
    with capture_logs() as logs:
        token = await forgot(client)
        await reset(client, token, NEW)
        await reset(client, token, NEW)
        user = (await login(client, password=NEW)).json()["id"]
        given = {"current": PASSWORD, "new": OTHER}
        for current in (PASSWORD, NEW):
            await client.post("/auth/password", json=given | {"current": current})
        await client.post("/auth/email", json={"email": "new@example.com"})
        moving = await mailed_token(client)
        await client.post("/auth/email/confirm", json={"token": moving})
        await client.delete("/auth/me")
    assert [(entry["event"], entry["outcome"], entry["user"]) for entry in recorded(logs)] == [
        ("forgot", "mailed", None),
        ("reset", "ok", user),
        ("reset", "refused", None),
        ("login", "ok", user),
        ("password", "refused", user),
        ("password", "ok", user),
        ("email", "mailed", user),
        ("email confirm", "ok", user),
        ("delete", "ok", user),
    ]
    for secret in (PASSWORD, NEW, OTHER, token, moving, EMAIL, "new@example.com"):
        assert secret not in str(logs)


async def test_looking_at_the_link_changes_nothing(client: Client) -> None:
    await join(client)
    token = await forgot(client)
    answer = await client.get(f"/auth/reset?token={token}")
    assert answer.json() == {"method": "POST", "fields": ["token", "password"]}
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert (await login(client)).status_code == 200
    assert (await reset(client, token, NEW)).status_code == 204


async def test_a_weak_password_does_not_use_up_the_link(client: Client) -> None:
    await join(client)
    token = await forgot(client)
    answer = await reset(client, token, "short")
    assert (answer.status_code, set(answer.json()["errors"])) == (422, {"password"})
    assert (await reset(client, token, NEW)).status_code == 204


async def test_a_link_is_good_once_for_half_an_hour_and_until_the_next(client: Client) -> None:
    await join(client)
    first, second = await forgot(client), await forgot(client)
    assert [(await reset(client, t, NEW)).status_code for t in (first, second, second)] == [
        400, 204, 400,
    ]  # fmt: skip
    token = await forgot(client)
    async with client.service.get(Database).writing() as session:
        seconds = "(julianday(expires_at) - julianday('now')) * 86400"
        left = await session.scalar(text(f"SELECT {seconds} FROM tickets"))  # noqa: S608
        await session.execute(text("UPDATE tickets SET expires_at = '2020-01-01'"))
    assert 1790 < left <= 1800
    assert (await reset(client, token, PASSWORD)).status_code == 400
    assert (await login(client, password=NEW)).status_code == 200


async def test_a_link_is_for_the_address_it_was_sent_to_and_its_purpose(client: Client) -> None:
    await register(client)
    confirmation = (await mails(client))[0]["text"].partition("token=")[2].split()[0]
    assert (await reset(client, confirmation, NEW)).status_code == 400
    await confirm(client, confirmation)
    token = await forgot(client)
    await change(client, email="moved@example.com")
    assert (await reset(client, token, NEW)).status_code == 400


async def test_a_disabled_account_gets_no_password(client: Client) -> None:
    await join(client)
    token = await forgot(client)
    await change(client, disabled_at=now())
    assert (await reset(client, token, NEW)).status_code == 400


async def test_all_that_acts_for_the_account_ends_everywhere(start: Start) -> None:
    program = new_token()
    async with start() as client, start() as process:
        await join(client)
        id = await change(client, totp_secret=None)
        async with client.service.get(Database).writing() as session:
            session.add(ApiToken(token_hash=hashed(program), account_id=id, name="x"))
        bearer = {"Authorization": f"Bearer {program}"}
        async with elsewhere(client) as other:
            await change(client, totp_secret="secret")
            process.cookies.update(other.cookies)
            assert await is_logged_in(process)
            assert (await process.get("/auth/me", headers=bearer)).status_code == 200
            ended = asyncio.Queue[str]()
            process.service.session_ended.connect(ended.put_nowait)
            assert (await reset(client, await forgot(client), NEW)).status_code == 204
            async with asyncio.timeout(5):
                assert len({await ended.get(), await ended.get()}) == 2
            assert not await is_logged_in(process)
            assert not await is_logged_in(other)
            assert (await process.get("/auth/me", headers=bearer)).status_code == 401
        async with client.service.get(Database).reading() as session:
            assert await session.scalar(text("SELECT totp_secret FROM accounts")) == "secret"


async def test_who_came_without_a_password_can_choose_one(client: Client) -> None:
    await join(client)
    await change(client, password_hash=None)
    assert (await login(client)).status_code == 401
    assert (await reset(client, await forgot(client), NEW)).status_code == 204
    assert (await login(client, password=NEW)).status_code == 200


async def test_of_several_at_once_one_wins(start: Start, database_url: str) -> None:
    async with start(DATABASE_URL=database_url) as client:
        await join(client)
        id = await change(client, disabled_at=None)
        async with client.service.get(Database).writing() as session:
            wanted = (session, "reset", id, RESET_WITHIN)
            tokens = [issue(*wanted, email=EMAIL) for _ in range(2)] * 4
        tries = [reset(client, token, f"{NEW} {n}") for n, token in enumerate(tokens)]
        codes = [answer.status_code for answer in await asyncio.gather(*tries)]
        assert sorted(codes) == [204] + [400] * 7
        for number, code in enumerate(codes):
            answer = await login(client, password=f"{NEW} {number}")
            assert answer.status_code == (200 if code == 204 else 401)
