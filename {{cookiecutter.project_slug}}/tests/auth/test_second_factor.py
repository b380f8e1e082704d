"""Logging in with a second factor: by a code beside the password, or in a second step."""

import asyncio
from functools import partialmethod

import httpx
import pytest
from structlog.testing import capture_logs

from app.auth.handlers.base import Entrance
from tests.auth.authenticator import App, change, enrol, kept, remove
from tests.auth.people import EMAIL, confirm, hold, is_logged_in, login, mails
from tests.conftest import Client, Start

WIDE = str.maketrans("0123456789", "０１２３４５６７８９")  # noqa: RUF001


async def second(client: Client, ticket: str, code: str) -> httpx.Response:
    return await client.post("/auth/login/code", json={"ticket": ticket, "code": code})


async def ticket_of(client: Client) -> str:
    return str((await login(client)).json()["ticket"])


async def test_a_code_is_taken_however_it_is_typed(client: Client, app: App) -> None:
    await enrol(client, app)
    for form in ("{0}", " {0:.3} {0:.3}", "{0:.3}-{0:.3}"):
        code = app.code()
        typed = form.replace("{0:.3}", code[:3], 1).replace("{0:.3}", code[3:]).format(code)
        assert (await login(client, code=typed)).status_code == 200
    assert (await login(client, code=app.code().translate(WIDE))).status_code == 200


async def test_the_clocks_may_differ_by_one_step(client: Client, app: App) -> None:
    await enrol(client, app)
    app.step += 10
    for off, status in ((-2, 401), (2, 401), (-1, 200), (0, 200), (1, 200)):
        answer = await login(client, code=app.code_at(app.step + off))
        assert (off, answer.status_code) == (off, status)


async def test_a_code_is_good_once_and_none_before_it_any_more(client: Client, app: App) -> None:
    await enrol(client, app)
    earlier, code = app.code(), app.code()
    assert (await login(client, code=code)).status_code == 200
    for used in (code, earlier):
        assert (await login(client, code=used)).status_code == 401


async def several_at_once(client: Client, app: App) -> None:
    recovery, *_ = await enrol(client, app)
    for code in (app.code(), recovery):
        ticket = await ticket_of(client)
        answers = await asyncio.gather(*(second(client, ticket, code) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_of_two_with_the_same_code_at_once_one_gets_in(client: Client, app: App) -> None:
    await several_at_once(client, app)


async def test_on_postgresql_it_is_the_same(start: Start, app: App, postgres_url: str) -> None:
    async with start(DATABASE_URL=postgres_url) as client:
        await several_at_once(client, app)
        await login(client, code=app.code())
        assert len((await client.post("/auth/totp/recovery")).json()["recovery_codes"]) == 10
        assert (await remove(client)).status_code == 204


async def test_without_a_code_there_is_a_second_step(client: Client, app: App) -> None:
    await enrol(client, app)
    first = await login(client, remember=True)
    assert (first.status_code, first.json()["code"]) == (401, "second_factor_required")
    ticket = first.json()["ticket"]
    for _ in range(2):
        wrong = await second(client, ticket, app.wrong())
        assert (wrong.status_code, wrong.json()["code"]) == (401, "second_factor_required")
    answer = await second(client, ticket, app.code())
    assert (answer.status_code, answer.json()["email"]) == (200, EMAIL)
    assert "Max-Age=2592000" in answer.headers["Set-Cookie"]
    assert (await second(client, ticket, app.code())).status_code == 401


async def test_who_is_half_logged_in_reaches_nothing(client: Client, app: App) -> None:
    await enrol(client, app)
    first = await login(client)
    ticket = first.json()["ticket"]
    assert "Set-Cookie" not in first.headers
    hold(client, ticket)
    assert not await is_logged_in(client)
    client.cookies.clear()
    bearer = {"Authorization": f"Bearer {ticket}"}
    assert (await client.get("/auth/me", headers=bearer)).status_code == 401
    assert (await confirm(client, ticket)).status_code == 400
    assert "[]" in await kept(client, "sessions")
    assert (await second(client, ticket, app.code())).status_code == 200


async def test_a_ticket_ends_with_its_time_or_with_the_second_factor(
    client: Client, app: App
) -> None:
    await enrol(client, app)
    ticket = await ticket_of(client)
    await change(client, "UPDATE tickets SET expires_at = '2020-01-01 00:00:00'")
    for dead in (ticket, "f" * 43, ""):
        assert (await second(client, dead, app.code())).status_code == 401
    await login(client, code=app.code())
    ticket = await ticket_of(client)
    await remove(client)
    assert (await second(client, ticket, app.code())).status_code == 401


async def test_a_ticket_is_for_its_purpose_only(client: Client, app: App) -> None:
    await enrol(client, app)
    ticket = await ticket_of(client)
    await change(client, "UPDATE tickets SET purpose = 'totp'")
    assert (await second(client, ticket, app.code())).status_code == 401


async def test_an_account_that_is_disabled_meanwhile_stays_out(client: Client, app: App) -> None:
    await enrol(client, app)
    ticket = await ticket_of(client)
    await change(client, "UPDATE accounts SET disabled_at = '2020-01-01 00:00:00'")
    assert (await second(client, ticket, app.code())).status_code == 401


async def test_after_five_wrong_codes_none_is_taken(client: Client, app: App) -> None:
    await enrol(client, app)
    ticket = await ticket_of(client)
    tried = [(await second(client, ticket, app.wrong())).status_code for _ in range(5)]
    assert tried == [401] * 5
    for answer in (await second(client, ticket, app.code()), await login(client, code=app.code())):
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 180


async def test_who_does_not_know_the_password_keeps_nobody_out(client: Client, app: App) -> None:
    await enrol(client, app)
    for _ in range(6):
        wrong = await login(client, password="not the password", code=app.wrong())
        assert "code" not in wrong.json()
    assert (await login(client, code=app.code())).status_code == 200


async def test_a_missing_code_is_an_attempt_too(start: Start, app: App) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="2") as client:
        await enrol(client, app)
        tried = [(await login(client)).status_code for _ in range(3)]
    assert tried == [401, 401, 429]


async def test_a_recovery_code_is_good_once_and_its_owner_is_told(client: Client, app: App) -> None:
    code, other, *_ = await enrol(client, app)
    assert (await login(client, code=code.lower().replace("-", " "))).status_code == 200
    told = (await mails(client))[0]
    assert (told["to"], told["subject"]) == (EMAIL, "A recovery code was used: 9 are left")
    assert (await login(client, code=code)).status_code == 401
    assert (await second(client, await ticket_of(client), other)).status_code == 200
    assert (await client.get("/auth/totp")).json()["recovery_codes_left"] == 8


async def test_with_another_secret_key_codes_are_refused_and_the_log_says_why(
    start: Start, app: App
) -> None:
    async with start(SECRET_KEY="one" * 20) as client:
        recovery, *_ = await enrol(client, app)
    async with start(SECRET_KEY="two" * 20) as client:
        with capture_logs() as logs:
            assert (await login(client, code=app.code())).status_code == 401
        assert [log["event"] for log in logs if "SECRET_KEY" in log["event"]]
        assert (await login(client, code=recovery)).status_code == 200
    async with start(SECRET_KEY="one" * 20) as client:
        assert (await login(client, code=app.code())).status_code == 200


async def test_what_is_two_factors_in_one_needs_no_code(
    client: Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrol(client, app)
    proven = partialmethod(Entrance.let_in, twice=True)
    monkeypatch.setattr(Entrance, "let_in", proven)
    assert (await login(client)).status_code == 200
