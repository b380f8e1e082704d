"""A proof is worth nothing once the account has changed, however it is used."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.auth.accounts import Accounts
from tests.auth.authenticator import App, enrol
from tests.auth.device import listed, with_a_passkey
from tests.auth.people import (
    EMAIL,
    PASSWORD,
    elsewhere,
    forgot,
    is_logged_in,
    join,
    login,
    mailed_token,
    mails,
)
from tests.conftest import Client, Start

NEW = "another good password"


@pytest.fixture
def reset_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str, Client, str], None]:
    """Lets a reset come right after this method of the class."""

    def patch(of: Any, method: str, client: Client, token: str) -> None:
        done: Callable[..., Awaitable[Any]] = getattr(of, method)

        async def slowly(*given: Any, **more: Any) -> Any:
            result = await done(*given, **more)
            await client.service.get(Accounts).reset(token, NEW)
            return result

        monkeypatch.setattr(of, method, slowly)

    return patch


async def test_the_old_password_proves_nothing_after_a_reset(
    client: Client, reset_after: Any
) -> None:
    await join(client)
    await login(client)
    reset_after(Accounts, "authenticate", client, await forgot(client))
    assert (await client.post("/auth/again", json={"password": PASSWORD})).status_code == 401
    assert not await is_logged_in(client)


async def test_nor_does_it_turn_the_second_factor_off(
    client: Client, app: App, reset_after: Any
) -> None:
    await enrol(client, app)
    await login(client, code=app.code())
    reset_after(Accounts, "authenticate", client, await forgot(client))
    given = {"password": PASSWORD}
    assert (await client.request("DELETE", "/auth/totp", json=given)).status_code == 401
    answer = await login(client, password=NEW)
    assert answer.json()["code"] == "second_factor_required"


async def test_nor_is_it_the_first_step_of_a_login(
    client: Client, app: App, reset_after: Any
) -> None:
    await enrol(client, app)
    reset_after(Accounts, "authenticate", client, await forgot(client))
    ticket = (await login(client)).json()["ticket"]
    given = {"ticket": ticket, "code": app.code()}
    assert (await client.post("/auth/login/code", json=given)).status_code == 401
    assert not await is_logged_in(client)


async def test_a_token_of_a_session_is_none_of_a_program(start: Start) -> None:
    async with start() as one, start() as other:
        await join(one)
        await login(one)
        headers = {"Authorization": f"Bearer {one.cookies['session']}"}
        one.cookies.clear()
        for client in (one, other):
            assert (await client.get("/auth/me", headers=headers)).status_code == 401


async def test_what_ends_all_sessions_ends_a_move_that_waits(client: Client) -> None:
    await with_a_passkey(client)
    for end in (f"/auth/passkeys/{(await listed(client))[0]['id']}", "/auth/sessions"):
        await client.post("/auth/email", json={"email": "eve@example.com"})
        assert (await mails(client))[1]["to"] == EMAIL
        assert "eve@example.com" in (await mails(client))[1]["subject"]
        token = await mailed_token(client)
        assert (await client.delete(end)).status_code == 204
        moved = await client.post("/auth/email/confirm", json={"token": token})
        assert moved.status_code == 400, end


async def test_all_other_sessions_end_and_this_one_goes_on(client: Client) -> None:
    await join(client)
    await login(client)
    async with elsewhere(client) as other:
        assert (await client.delete("/auth/sessions")).status_code == 204
        assert [await is_logged_in(each) for each in (client, other)] == [True, False]
