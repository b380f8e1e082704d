"""Sessions and API tokens: seen and ended by their owner, and by nobody else."""

from typing import Any

import pytest

from app.auth.handlers import tokens
from tests.auth.authenticator import App, confirm, owner, propose
from tests.auth.people import EMAIL, PASSWORD, hold, is_logged_in, join, login, long_ago, mails
from tests.conftest import Client, Start

SESSION = {"id", "current", "created_at", "last_seen_at", "address", "user_agent"}


async def log_in(client: Client, email: str = EMAIL, agent: str = "browser") -> str:
    """A login; the session's token, which the client then holds."""
    client.headers["User-Agent"] = agent
    client.cookies.clear()
    assert (await login(client, email)).status_code == 200
    return client.cookies["session"]


async def sessions(client: Client) -> list[dict[str, Any]]:
    return list((await client.get("/auth/sessions")).json()["sessions"])


async def make_token(client: Client, name: str = "backup") -> dict[str, Any]:
    answer = await client.post("/auth/tokens", json={"name": name})
    assert answer.status_code == 201
    return dict(answer.json())


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_sessions_are_listed_and_ended_one_by_one(client: Client) -> None:
    await join(client)
    first = await log_in(client, agent="first")
    second = await log_in(client, agent="second")
    listed = await sessions(client)
    assert [set(each) for each in listed] == [SESSION] * 2
    assert {each["user_agent"]: each["current"] for each in listed} == {
        "first": False,
        "second": True,
    }
    (other,) = (each["id"] for each in listed if not each["current"])
    assert (await client.delete(f"/auth/sessions/{other}")).status_code == 204
    assert (await client.delete(f"/auth/sessions/{other}")).status_code == 404
    hold(client, first)
    assert not await is_logged_in(client)
    hold(client, second)
    assert await is_logged_in(client)


async def test_one_may_end_the_session_one_is_in(client: Client) -> None:
    await join(client)
    token = await log_in(client)
    (only,) = await sessions(client)
    answer = await client.delete(f"/auth/sessions/{only['id']}")
    assert 'session=""' in answer.headers["Set-Cookie"]
    hold(client, token)
    assert not await is_logged_in(client)


async def test_all_others_are_ended_at_once(client: Client) -> None:
    await join(client)
    others = [await log_in(client) for _ in range(3)]
    await log_in(client)
    assert (await client.delete("/auth/sessions")).status_code == 204
    assert [each["current"] for each in await sessions(client)] == [True]
    for token in others:
        hold(client, token)
        assert not await is_logged_in(client)


async def test_a_token_acts_for_its_owner_but_does_not_change_the_account(client: Client) -> None:
    await join(client)
    await log_in(client)
    made = await make_token(client)
    (listed,) = (await client.get("/auth/tokens")).json()["tokens"]
    assert listed == {k: v for k, v in made.items() if k != "token"}
    assert "backup" in (await mails(client))[0]["subject"]
    client.cookies.clear()
    client.headers.update(bearing(made["token"]))
    me = await client.get("/auth/me")
    assert (me.status_code, me.json()["email"]) == (200, EMAIL)
    for method, path in (
        ("POST", "/auth/tokens"),
        ("GET", "/auth/tokens"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("POST", "/auth/again"),
        ("DELETE", f"/auth/tokens/{made['id']}"),
    ):
        assert (await client.request(method, path, json={})).status_code == 403, path


async def test_a_program_is_told_whose_it_is_and_no_more(client: Client, app: App) -> None:
    account_id = await owner(client)
    headers = bearing((await make_token(client))["token"])
    await propose(client, app)
    assert (await confirm(client, app.code())).status_code == 200
    client.cookies.clear()
    told = {"id": account_id, "email": EMAIL, "confirmed": True, "second_factors": ["totp"]}
    for accept in ("application/json", "text/html"):
        assert (await client.get("/auth/me", headers=headers | {"Accept": accept})).json() == told


async def test_a_refusal_names_the_way_in_for_programs(client: Client) -> None:
    await join(client)
    refused = [
        await client.get("/auth/me"),
        await client.get("/auth/me", headers=bearing("x")),
        await client.post("/auth/again", headers={"Accept": "text/html"}),
        await login(client, password="not the password"),
    ]
    told = [(answer.status_code, answer.headers["WWW-Authenticate"]) for answer in refused]
    assert told == [(401, "Bearer")] * 4
    assert "WWW-Authenticate" not in (await login(client)).headers


async def test_a_revoked_token_is_worth_nothing(client: Client) -> None:
    await join(client)
    await log_in(client)
    made = await make_token(client)
    assert (await client.get("/auth/me", headers=bearing(made["token"]))).status_code == 200
    assert (await client.get("/auth/tokens")).json()["tokens"][0]["last_used_at"]
    assert (await client.delete(f"/auth/tokens/{made['id']}")).status_code == 204
    client.cookies.clear()
    for token in (made["token"], "x", "f" * 5000):
        assert (await client.get("/auth/me", headers=bearing(token))).status_code == 401


async def test_a_token_needs_a_name_and_there_is_an_end_to_them(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST", 1)
    await join(client)
    await log_in(client)
    for name in ("", "x" * 101, "two\nlines", None):
        assert (await client.post("/auth/tokens", json={"name": name})).status_code == 422
    await make_token(client)
    assert (await client.post("/auth/tokens", json={"name": "x"})).status_code == 409


async def test_what_is_somebody_elses_is_not_there(client: Client) -> None:
    await join(client)
    await log_in(client)
    paths = [
        f"/auth/sessions/{(await sessions(client))[0]['id']}",
        f"/auth/tokens/{(await make_token(client))['id']}",
    ]
    await join(client, "eve@example.com")
    await log_in(client, "eve@example.com")
    for path in paths:
        for method, where in (("DELETE", path), ("POST", f"{path}/delete")):
            assert (await client.request(method, where, json={})).status_code == 404
        assert (await client.post(path, json={"_method": "DELETE"})).status_code == 405
    assert len(await sessions(client)) == 1


async def test_an_old_login_proves_itself_again_and_gets_a_new_session(client: Client) -> None:
    await join(client)
    old = await log_in(client)
    await long_ago(client)
    refused = await client.post("/auth/tokens", json={"name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "password_required")
    assert (await client.get("/auth/tokens")).status_code == 200
    wrong = await client.post("/auth/again", json={"password": "not the password"})
    assert wrong.status_code == 401
    assert (await client.post("/auth/again", json={"password": PASSWORD})).status_code == 204
    assert client.cookies["session"] != old
    await make_token(client)
    hold(client, old)
    assert not await is_logged_in(client)


async def test_a_login_of_a_few_minutes_ago_is_enough(client: Client) -> None:
    await join(client)
    await log_in(client)
    await long_ago(client, minutes=14)
    await make_token(client)


async def test_strangers_do_not_lock_the_owner_out_of_a_browser_they_have_used(
    start: Start,
) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="2") as client:
        await join(client)
        await log_in(client)
        device = client.cookies["device"]
        client.cookies.clear()
        stranger = [(await login(client, password="a wrong one")).status_code for _ in range(4)]
        assert stranger == [401, 429, 429, 429]
        client.cookies.set("device", device)
        assert (await login(client)).status_code == 200
        tried = [(await login(client, password="a wrong one")).status_code for _ in range(3)]
        assert tried == [401, 429, 429], "a stolen device is counted as well"
        client.cookies.set("device", device[:-1] + ("0" if device[-1] != "0" else "1"))
        assert (await login(client)).status_code == 429


async def test_the_browser_of_one_person_is_a_stranger_to_another(start: Start) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="2") as client:
        await join(client, "eve@example.com")
        await log_in(client, "eve@example.com")
        tried = [(await login(client, password="a wrong one")).status_code for _ in range(2)]
        client.cookies.clear()
        tried.append((await login(client, password="a wrong one")).status_code)
        assert tried == [401, 401, 429], "eve's device has no count of its own for this account"
