"""Turning the second factor on and off."""

import asyncio
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
from structlog.testing import capture_logs

from app.auth.seal import seal, unseal
from tests.auth.authenticator import (
    App,
    change,
    confirm,
    enrol,
    kept,
    owner,
    propose,
    remove,
    session_of,
)
from tests.auth.people import (
    EMAIL,
    PASSWORD,
    hold,
    is_logged_in,
    join,
    login,
    long_ago,
    mails,
    recorded,
)
from tests.conftest import Client, Start

TIME_IS_UP = "UPDATE tickets SET expires_at = '2020-01-01 00:00:00'"
LONG_AGO = "UPDATE sessions SET created_at = '2020-01-01 00:00:00'"
COPIED = "UPDATE accounts SET totp_secret = (SELECT max(totp_secret) FROM accounts)"


async def test_from_the_secret_to_a_login_with_a_code(client: Client) -> None:
    await join(client)
    await login(client)
    proposed = (await client.post("/auth/totp")).json()
    assert (await client.get("/auth/totp")).json() == {"enabled": False, "recovery_codes_left": 0}
    app = pyotp.TOTP(proposed["secret"])
    codes = (await confirm(client, app.now())).json()["recovery_codes"]
    assert len(set(codes)) == 10
    assert (await client.get("/auth/totp")).json() == {"enabled": True, "recovery_codes_left": 10}
    assert (await client.get("/auth/me")).json()["second_factors"] == ["totp"]
    client.cookies.clear()
    answer = await login(client)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_required")
    code = app.at(int(time.time()) + 30)
    assert (await login(client, code=code)).json()["email"] == EMAIL
    assert await is_logged_in(client)


async def test_the_secret_is_of_160_bits_and_the_link_tells_whose_it_is(
    client: Client, app: App
) -> None:
    await owner(client)
    answer = await propose(client, app)
    assert set(answer.json()) == {"secret", "uri"}
    assert len(app.secret) * 5 == 160
    url = urlsplit(answer.json()["uri"].replace("%40", "@").replace("%20", " "))
    assert (url.scheme, url.netloc) == ("otpauth", "totp")
    assert url.path == f"/{client.service.name}:{EMAIL}"
    query = parse_qs(url.query)
    assert query == {"secret": [app.secret], "issuer": [client.service.name]}


async def test_a_wrong_code_turns_nothing_on_and_can_be_mended(client: Client, app: App) -> None:
    await owner(client)
    await propose(client, app)
    for wrong in (app.wrong(), "", "x"):
        answer = await confirm(client, wrong)
        assert (answer.status_code, set(answer.json()["errors"])) == (422, {"code"})
    assert (await login(client)).status_code == 200
    good = app.code()
    assert (await confirm(client, good)).status_code == 200
    assert (await login(client, code=good)).status_code == 401, "it was used"


async def test_only_the_newest_secret_counts_and_not_for_long(client: Client, app: App) -> None:
    await owner(client)
    await propose(client, app)
    old = app.code()
    await propose(client, app)
    assert (await confirm(client, old)).status_code == 422
    await change(client, TIME_IS_UP)
    assert (await confirm(client, app.code())).status_code == 409


async def test_what_is_on_is_not_turned_on_again(client: Client, app: App) -> None:
    await owner(client)
    assert (await confirm(client, "123456")).status_code == 409
    await propose(client, app)
    answers = await asyncio.gather(*(confirm(client, app.code_at(app.step)) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert [answer.status_code for answer in answers].count(200) == 1
    hold(client, next(a for a in answers if a.status_code == 200).cookies["session"])
    for answer in (await client.post("/auth/totp"), await confirm(client, app.code())):
        assert answer.status_code == 409
    assert (await client.get("/auth/totp")).json()["recovery_codes_left"] == 10


async def begins_anew(client: Client, answer: httpx.Response, old: list[str], told: str) -> None:
    """The answer has a new session in place of all the old ones, and the owner was told."""
    for token in old:
        hold(client, token)
        assert not await is_logged_in(client)
    hold(client, answer.cookies["session"])
    assert await is_logged_in(client)
    mail = (await mails(client))[0]
    assert (mail["to"], mail["subject"]) == (EMAIL, told)


async def test_a_change_ends_every_other_session_and_begins_this_one_anew(
    client: Client, app: App
) -> None:
    account_id, ended = await owner(client), list[str]()
    client.service.session_ended.connect(ended.append)
    await propose(client, app)
    old = [client.cookies["session"], await session_of(client, account_id)]
    on, off = "Your second factor was turned on", "Your second factor was turned off"
    await begins_anew(client, await confirm(client, app.code()), old, on)
    old = [client.cookies["session"], await session_of(client, account_id)]
    await begins_anew(client, await remove(client), old, off)
    assert len(ended) == 4
    assert (await confirm(client, app.code())).status_code == 409, "it is used"


async def test_it_is_asked_for_the_password_again_after_a_while(client: Client, app: App) -> None:
    await enrol(client, app)
    await login(client, code=app.code())
    await change(client, LONG_AGO)
    for path in ("/auth/totp", "/auth/totp/recovery"):
        answer = await client.post(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "password_required")
    assert (await client.get("/auth/totp")).status_code == 200
    assert (await remove(client)).status_code == 204


async def test_turning_it_on_is_no_newer_proof_of_who_does_it(client: Client, app: App) -> None:
    await owner(client)
    await long_ago(client, minutes=14)
    (before,) = (await client.get("/auth/sessions")).json()["sessions"]
    await propose(client, app)
    assert (await confirm(client, app.code())).status_code == 200
    (after,) = (await client.get("/auth/sessions")).json()["sessions"]
    assert before["id"] != after["id"]
    assert before["created_at"] == after["created_at"]


async def test_it_is_turned_off_by_the_password_only(start: Start, app: App) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="2") as client:
        codes = await enrol(client, app)
        await login(client, code=app.code())
        assert (await remove(client, "not the password")).status_code == 401
        assert (await client.get("/auth/totp")).json()["enabled"]
        assert (await remove(client)).status_code == 204
        assert (await remove(client)).status_code == 429
        state = (await client.get("/auth/totp")).json()
        assert state == {"enabled": False, "recovery_codes_left": 0}
    async with start() as client:
        assert (await login(client)).status_code == 200
        assert codes[0] not in await kept(client, "recovery_codes")
        again = await client.post("/auth/totp/delete", data={"password": PASSWORD})
        assert again.status_code == 409


async def test_new_recovery_codes_take_the_place_of_the_old(client: Client, app: App) -> None:
    (old, *_) = await enrol(client, app)
    await login(client, code=app.code())
    (new, *more) = (await client.post("/auth/totp/recovery")).json()["recovery_codes"]
    assert len(more) == 9
    assert (await mails(client))[0]["subject"] == "You have new recovery codes"
    assert (await login(client, code=old)).status_code == 401
    assert (await login(client, code=new)).status_code == 200
    await remove(client)
    assert (await client.post("/auth/totp/recovery")).status_code == 409


async def test_confirming_is_throttled(client: Client, app: App) -> None:
    await owner(client)
    await propose(client, app)
    tried = [(await confirm(client, app.wrong())).status_code for _ in range(6)]
    assert tried == [422] * 5 + [429]
    assert (await confirm(client, app.code())).status_code == 429


async def test_no_secret_is_kept_or_logged_as_it_is(client: Client, app: App) -> None:
    await owner(client)
    with capture_logs() as logs:
        await propose(client, app)
        found = await kept(client, "tickets")
        used = app.code()
        codes = (await confirm(client, used)).json()["recovery_codes"]
        ticket = (await login(client)).json()["ticket"]
        await login(client, code=codes[0])
    found += await kept(client, "accounts", "tickets", "recovery_codes") + str(logs)
    for secret in (app.secret, ticket, *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in found
    assert used not in str(logs)
    told = [(entry["event"], entry["outcome"]) for entry in recorded(logs)]
    assert told == [
        ("totp", "proposed"),
        ("totp", "on"),
        ("login", "second factor asked"),
        ("login", "ok"),
    ]


async def test_neither_secret_nor_recovery_code_is_of_use_to_another(
    client: Client, app: App
) -> None:
    recovery, *_ = await enrol(client, app)
    await owner(client, "eve@example.com")
    await change(client, COPIED)
    for code in (app.code(), recovery):
        assert (await login(client, "eve@example.com", code=code)).status_code == 401
    assert (await login(client, code=app.code_at(app.step))).status_code == 200


def test_what_is_sealed_is_for_its_key_and_use_and_each_time_another() -> None:
    sealed = seal("text", "key", "totp:ada")
    assert unseal(sealed, "key", "totp:ada") == "text"
    assert sealed != seal("text", "key", "totp:ada")
    for key, use in (("key", "totp:eve"), ("other", "totp:ada")):
        assert unseal(sealed, key, use) is None
