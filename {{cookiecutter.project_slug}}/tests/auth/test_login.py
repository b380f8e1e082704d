"""Logging in: the cookie, the session behind it, and how it ends."""

import asyncio
import logging
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import event, select, text
from structlog.testing import capture_logs

from app.auth.models import Session
from app.auth.tokens import hashed
from app.database import Database, now
from app.settings import Settings
from tests.auth.people import (
    EMAIL,
    PASSWORD,
    hold,
    is_logged_in,
    join,
    login,
    mailed_token,
    recorded,
    register,
)
from tests.conftest import Client, Start


def cookie_of(answer: httpx.Response) -> tuple[str, set[str]]:
    """Name and value of the session's cookie, and its flags without their values."""
    (header,) = (h for h in answer.headers.get_list("Set-Cookie") if "session=" in h)
    pair, *flags = header.split("; ")
    return pair, {flag.partition("=")[0] for flag in flags} | {
        flag for flag in flags if not flag.startswith(("expires", "Max-Age"))
    }


def token_of(answer: httpx.Response) -> str:
    return str(answer.cookies["session"])


async def test_over_http_the_cookie_is_the_browsers_only_and_ends_with_it(client: Client) -> None:
    await join(client)
    pair, flags = cookie_of(await login(client))
    assert pair.startswith("session=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= flags
    assert not {"Secure", "Max-Age", "Domain", "expires"} & flags


async def test_over_https_no_other_host_can_set_it(start: Start) -> None:
    async with start(PUBLIC_URL="https://example.com") as client:
        await join(client)
        pair, flags = cookie_of(await login(client))
    assert pair.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= flags
    assert "Domain" not in flags


async def test_to_be_remembered_is_a_cookie_of_thirty_days(client: Client) -> None:
    await join(client)
    answer = await login(client, remember=True)
    assert "Max-Age=2592000" in answer.headers["Set-Cookie"]


async def test_every_failure_is_the_same(client: Client) -> None:
    await join(client)
    wrong = await login(client, password="not the password")
    unknown, none = [await login(client, email) for email in ("eve@example.com", "no address")]
    told = [{**answer.json(), "request_id": ""} for answer in (wrong, unknown, none)]
    assert [answer["status"] for answer in told] == [401] * 3
    assert told[0] == told[1] == told[2]
    assert "Set-Cookie" not in wrong.headers


@pytest.mark.usefixtures("real_hashes")
async def test_an_unknown_name_costs_a_hash_too(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def matches(password: str, known: str) -> bool:
        compared.append(known)
        return True

    monkeypatch.setattr("app.auth.passwords._matches", matches)
    assert (await login(client, "nobody@example.com")).status_code == 401
    assert compared[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_login_begins_a_new_session_and_ends_the_old_one(client: Client) -> None:
    await join(client)
    planted = "f" * 43
    hold(client, planted)
    first = token_of(await login(client))
    hold(client, first)
    second = token_of(await login(client))
    assert len({planted, first, second}) == 3
    hold(client, second)
    assert await is_logged_in(client)
    for old in (planted, first):
        hold(client, old)
        assert not await is_logged_in(client)


async def test_after_logout_the_cookie_is_worth_nothing(client: Client) -> None:
    await join(client)
    await login(client)
    kept, ended = client.cookies["session"], list[str]()
    client.service.session_ended.connect(ended.append)
    assert await is_logged_in(client)
    answer = await client.post("/auth/logout")
    assert 'session=""' in answer.headers["Set-Cookie"]
    hold(client, kept)
    assert not await is_logged_in(client)
    assert len(ended) == 1
    assert (await client.post("/auth/logout")).status_code == 204


async def test_a_session_ends_with_its_time_and_is_then_tidied_up(client: Client) -> None:
    await join(client)
    await login(client)
    database = client.service.get(Database)
    async with database.writing() as session:
        await session.execute(text("UPDATE sessions SET idle_expires_at = '2020-01-01'"))
    assert not await is_logged_in(client)
    for tidy in client.service.housekeeping:
        await tidy()
    async with database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM sessions")) == 0


async def test_a_session_that_is_used_goes_on_but_not_forever(client: Client) -> None:
    await join(client)
    await login(client)
    database = client.service.get(Database)
    async with database.writing() as session:
        (kept,) = await session.scalars(select(Session))
        kept.last_seen_at -= timedelta(minutes=2)
        kept.idle_expires_at -= timedelta(hours=1)
        kept.expires_at = now() + timedelta(hours=11, minutes=30)
    assert await is_logged_in(client)
    async with database.reading() as session:
        (used,) = await session.scalars(select(Session))
    assert kept.idle_expires_at < used.idle_expires_at == used.expires_at


async def test_the_database_is_off_the_path_of_most_requests(client: Client) -> None:
    await join(client)
    await login(client)
    asked = list[object]()
    engine = client.service.get(Database).engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert await asyncio.gather(*(is_logged_in(client) for _ in range(5))) == [True] * 5
    assert [await is_logged_in(client) for _ in range(5)] == [True] * 5
    assert len([query for query in asked if "sessions" in str(query)]) == 1


@pytest.mark.usefixtures("real_hashes")
async def test_nothing_that_a_cookie_or_link_holds_is_kept(client: Client) -> None:
    await register(client)
    token = await mailed_token(client)
    await join(client, "eve@example.com")
    await login(client, "eve@example.com")
    kept = ""
    async with client.service.get(Database).reading() as session:
        for table in ("accounts", "sessions", "tickets"):
            kept += str((await session.execute(text(f"SELECT * FROM {table}"))).all())  # noqa: S608
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in kept
    for secret in (PASSWORD, token, client.cookies["session"]):
        assert secret not in kept


async def test_the_log_tells_who_and_how_it_ended_and_no_secret(client: Client) -> None:
    with capture_logs() as logs:
        await register(client)
        token = await mailed_token(client)
        await client.post("/auth/confirm", json={"token": token})
        user = (await login(client)).json()["id"]
        session = client.cookies["session"]
        await login(client, password="a wrong password")
        await client.post("/auth/logout")
    told = [(entry["event"], entry["outcome"], entry["user"]) for entry in recorded(logs)]
    assert told == [
        ("register", "mailed", None),
        ("confirm", "ok", user),
        ("login", "ok", user),
        ("login", "refused", None),
        ("logout", "ok", user),
    ]
    assert {entry["address"] for entry in recorded(logs)} == {"127.0.0.1"}
    for secret in (PASSWORD, "a wrong password", token, session, EMAIL):
        assert secret not in str(logs)


async def test_nor_does_a_library_tell_one_that_logs_each_step(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await join(client)
    await login(client)
    session = client.cookies["session"]
    told = [r.getMessage() for r in caplog.records if not r.name.startswith("http")]  # our client
    for secret in (EMAIL, PASSWORD, "$argon2id$", session, hashed(session)):
        assert secret not in str(told)


async def test_without_its_database_a_request_is_told_so_in_bounded_time(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "production", True)
    monkeypatch.setenv("SECRET_KEY", "k" * 40)
    async with start(DATABASE_URL="postgresql://u@127.0.0.1:1/n") as client:
        hold(client, "f" * 43)
        for answer in (await client.get("/auth/me"), await login(client), await register(client)):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert answer.json()["title"] == "Service Unavailable"
            assert "refused" not in answer.text
