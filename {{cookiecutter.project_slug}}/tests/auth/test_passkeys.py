"""Passkeys: what proves who somebody is, and all that does not."""

import json
from collections.abc import Callable
from copy import copy
from typing import Any

from structlog.testing import capture_logs
from webauthn.helpers import base64url_to_bytes

from tests.auth.device import (
    PRESENT,
    VERIFIED,
    Authenticator,
    add,
    enter,
    listed,
    options,
    prove,
    sql,
    use,
    with_a_passkey,
)
from tests.auth.people import EMAIL, is_logged_in, mails
from tests.conftest import Client, Start

Fault = Callable[[Authenticator], None]


def sets(**values: Any) -> Fault:
    return lambda device: vars(device).update(values)


FAULTS = {
    "another origin": sets(origin="http://127.0.0.1"),
    "another site's frame": sets(framed=True),
    "another site's key": sets(host="localhost"),
    "a person who was not verified": sets(flags=PRESENT),
    "nobody there": sets(flags=VERIFIED),
}


async def test_from_adding_to_logging_in(client: Client) -> None:
    account, device = await enter(client), Authenticator(client)
    answer = await add(client, device, name=" My phone ")
    made = {"id": answer.json()["id"], "name": "My phone"}
    assert (answer.status_code, answer.json()) == (201, made)
    (passkey,) = await listed(client)
    assert passkey == made | {"created_at": passkey["created_at"], "last_used_at": None}
    client.cookies.clear()
    answer = await use(client, device)
    assert (answer.status_code, answer.json()) == (200, {"id": account, "email": EMAIL})
    assert await is_logged_in(client)
    (passkey,) = await listed(client)
    assert passkey["created_at"] < passkey["last_used_at"]


async def test_to_be_remembered_is_for_passkeys_too(client: Client) -> None:
    device = await with_a_passkey(client)
    assert "Max-Age=2592000" in (await use(client, device, remember=True)).headers["Set-Cookie"]
    assert "Max-Age=2592000" not in (await use(client, device)).headers["Set-Cookie"]


async def test_a_form_does_the_same(client: Client) -> None:
    await enter(client)
    device = Authenticator(client)
    made = {"name": "By form", "credential": json.dumps(device.make(await options(client)))}
    assert (await client.post("/auth/passkeys", data=made)).status_code == 201
    answer = device.sign(await options(client, "/login"))
    used = {"credential": json.dumps(answer), "remember": "true"}
    assert (await client.post("/auth/passkeys/login", data=used)).status_code == 200


async def test_browsers_are_asked_for_what_replaces_name_and_password(client: Client) -> None:
    device = await with_a_passkey(client)
    account = (await client.get("/auth/me")).json()["id"]
    asked = await options(client)
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "userVerification": "required",
    }
    assert (asked["rp"]["id"], asked["timeout"]) == ("127.0.0.1", 300_000)
    assert asked["attestation"] == "none"
    assert base64url_to_bytes(asked["user"]["id"]) == account.encode()
    assert {key["alg"] for key in asked["pubKeyCredParams"]} == {-7, -8, -257}
    assert [base64url_to_bytes(key["id"]) for key in asked["excludeCredentials"]] == [device.id]
    asked = await options(client, "/login")
    assert (asked["rpId"], asked["userVerification"]) == ("127.0.0.1", "required")
    assert not asked.get("allowCredentials")


async def test_who_we_are_is_what_was_configured_and_the_cookie_is_this_hosts(start: Start) -> None:
    async with start(PUBLIC_URL="https://example.com:8443") as client:
        asked = await client.post("/auth/passkeys/login/options", headers={"Host": "localhost"})
    assert asked.json()["rpId"] == "example.com"
    cookie, *flags = asked.headers["Set-Cookie"].split("; ")
    assert cookie.startswith("__Host-passkey=")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(flags)


async def test_no_key_is_added_by_a_wrong_answer(client: Client) -> None:
    await enter(client)
    for name, fault in FAULTS.items():
        device = Authenticator(client)
        fault(device)
        assert (name, (await add(client, device)).status_code) == (name, 400)
    assert (await listed(client), await mails(client)) == ([], [])


async def test_an_id_is_long_enough_to_be_nobody_elses_and_short_enough_to_keep(
    client: Client,
) -> None:
    await enter(client)
    for size, status in ((15, 400), (1024, 400), (16, 201), (1023, 201)):
        device = Authenticator(client)
        device.id = bytes(size)
        assert (await add(client, device)).status_code == status


async def test_nobody_gets_in_by_a_wrong_answer(client: Client) -> None:
    device = await with_a_passkey(client)
    for name, fault in FAULTS.items():
        wrong = copy(device)
        fault(wrong)
        assert (name, (await use(client, wrong)).status_code) == (name, 401)


async def test_every_failure_is_the_same(client: Client) -> None:
    device, stranger = await with_a_passkey(client), Authenticator(client)
    thief, other = copy(device), copy(device)
    thief.key, other.handle = stranger.key, "AAAA"
    answers = [await use(client, each) for each in (stranger, thief, other)]
    good = device.sign(await options(client, "/login"))
    for wrong in ({}, {"id": "!"}, {"id": 1}, {"id": good["id"]}, good | {"response": []}):
        await options(client, "/login")
        answers.append(await prove(client, wrong))
    await sql(client, "UPDATE accounts SET disabled_at = '2020-01-01'")
    answers.append(await use(client, device))
    told = [answer.json() | {"request_id": ""} for answer in answers]
    assert [each["status"] for each in told] == [401] * 9
    assert all(each == told[0] for each in told)
    assert not any("session" in answer.cookies for answer in answers)


async def test_the_log_says_why_for_who_has_set_something_wrong(client: Client) -> None:
    device = await with_a_passkey(client)
    device.origin = "https://elsewhere.example\n" + "x" * 1000
    with capture_logs() as logs:
        await use(client, device)
    (reason,) = [each["reason"] for each in logs if "reason" in each]
    assert "elsewhere.example" in reason
    assert len(reason) <= 200


async def test_one_address_cannot_ask_or_try_for_ever(start: Start) -> None:
    async with start(AUTH_ATTEMPTS_PER_ADDRESS="2") as client:
        for path, status in (("/login/options", 200), ("/login", 401)):
            url, body = f"/auth/passkeys{path}", {"credential": dict[str, str]()}
            tried = [(await client.post(url, json=body)).status_code for _ in range(3)]
            assert tried == [status, status, 429]
