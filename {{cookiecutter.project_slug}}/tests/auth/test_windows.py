"""What is true a moment ago is not enough to change an account."""

from typing import Any

import aiosmtplib
import pytest
from sqlalchemy import func, select, update

from app.auth import commands, revocations
from app.auth.accounts import Accounts, find
from app.auth.models import Account, Session, Ticket
from app.auth.sessions import Sessions
from app.database import Database
from app.mail.mailer import Smtp
from app.main import create_service
from tests.auth.authenticator import App, enrol
from tests.auth.people import EMAIL, PASSWORD, forgot, is_logged_in, join, login, reset
from tests.conftest import Client, Start

NEW = "another good password"


@pytest.fixture(autouse=True)
def _log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sets the log of its process, which here is that of all tests."""
    monkeypatch.setattr("app.telemetry.configure", lambda _: None)


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process hears of what ends elsewhere."""
    monkeypatch.setattr(revocations, "EVERY_SECONDS", 60)
    monkeypatch.setattr("app.auth.sessions.CACHE_SECONDS", 60)


@pytest.mark.usefixtures("deaf")
async def test_who_was_logged_out_elsewhere_changes_nothing_here(start: Start) -> None:
    async with start() as one, start() as other:
        await join(one)
        await login(one)
        other.cookies.update(one.cookies)
        assert await is_logged_in(other)
        assert (await reset(one, await forgot(one), NEW)).status_code == 204
        assert await is_logged_in(other), "it has not heard of it"
        assert (await other.post("/auth/tokens", json={"name": "x"})).status_code == 401


async def test_the_password_of_somebody_else_proves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(client)
    await join(client, "eve@example.com", NEW)
    await login(client)
    authenticate = Accounts.authenticate

    async def as_eve(accounts: Accounts, _: str, password: str) -> Account | None:
        return await authenticate(accounts, "eve@example.com", password)

    monkeypatch.setattr(Accounts, "authenticate", as_eve)
    for path, given in (
        ("/auth/again", {"password": NEW}),
        ("/auth/password", {"current": NEW, "new": PASSWORD * 2}),
        ("/auth/totp/delete", {"password": NEW}),
    ):
        assert (await client.post(path, json=given)).status_code == 401, path


async def test_enabling_an_account_undoes_no_reset_that_came_between(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(client)
    token, accounts = await forgot(client), client.service.get(Accounts)

    async def slowly(*given: Any) -> Account | None:
        account = await find(*given)
        assert await accounts.reset(token, NEW)
        return account

    monkeypatch.setattr(commands, "find", slowly)
    assert await commands.user(create_service(), ["enable", EMAIL]) == 0
    assert (await login(client)).status_code == 401
    assert (await login(client, password=NEW)).status_code == 200


async def test_what_was_mailed_to_a_disabled_account_is_void(client: Client) -> None:
    await join(client)
    token = await forgot(client)
    for action in ("disable", "enable"):
        assert await commands.user(create_service(), [action, EMAIL]) == 0
    assert (await reset(client, token, NEW)).status_code == 400


async def test_what_sends_mails_is_done_sparingly(start: Start, app: App) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="3") as client:
        await enrol(client, app)
        await login(client, code=app.code())
        for path in ("/auth/tokens", "/auth/totp/recovery", "/auth/passkeys/options"):
            tried = [(await client.post(path, json={"name": "x"})).status_code for _ in range(4)]
            assert tried[2] < 300, path
            assert tried[3] == 429, path


async def test_no_code_is_a_wrong_code_and_leaves_nothing(client: Client, app: App) -> None:
    await enrol(client, app)
    ticket = (await login(client)).json()["ticket"]
    for code in ("", "-", " "):
        given = {"ticket": ticket, "code": code}
        assert (await client.post("/auth/login/code", json=given)).status_code == 422
    async with client.service.get(Database).reading() as session:
        assert (
            await session.scalar(select(func.count()).where(Ticket.purpose == "second_factor")) == 1
        )


async def test_a_second_factor_is_turned_on_by_a_recent_login_only(
    client: Client, app: App
) -> None:
    await join(client)
    await login(client)
    app.secret = (await client.post("/auth/totp")).json()["secret"]
    async with client.service.get(Database).writing() as session:
        await session.execute(update(Session).values(created_at=func.datetime("now", "-1 hour")))
    answer = await client.post("/auth/totp/confirm", json={"code": app.code()})
    assert (answer.status_code, answer.json()["code"]) == (403, "password_required")


async def test_ends_of_others_do_not_make_a_look_up_longer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(client)
    await login(client)
    kept, looked = client.service.get(Sessions), list[Any]()
    look_up = kept._look_up

    async def while_others_end(key: Any) -> Any:
        looked.append(key)
        kept.forget("of somebody else")
        return await look_up(key)

    monkeypatch.setattr(kept, "_look_up", while_others_end)
    assert await is_logged_in(client)
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("url", "must"),
    [
        ("smtp://us:secret@mail.example.com:587", True),
        ("smtp://mail.example.com", None),
        ("smtp://us:secret@localhost:25", None),
        ("smtps://us:secret@mail.example.com", None),
    ],
)
async def test_a_password_is_sent_to_no_mail_server_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, url: str, must: bool | None
) -> None:
    asked = list[Any]()

    def connect(**options: Any) -> None:
        asked.append(options["start_tls"])
        raise OSError("nobody is there")

    monkeypatch.setattr(aiosmtplib, "SMTP", connect)
    with pytest.raises(OSError, match="nobody"):
        await Smtp(url, "us@example.com").check()
    assert asked == [must]
