"""The end of an account is the end of all that it has."""

import pytest
from sqlalchemy import text

from app.auth.models import ApiToken
from app.auth.tokens import hashed, new_token
from app.database import Database
from tests.auth.people import EMAIL, elsewhere, forgot, is_logged_in, join, login, long_ago, mails
from tests.conftest import Client

WAYS = [("DELETE", "/auth/me"), ("POST", "/auth/me/delete")]
TABLES = ("accounts", "sessions", "api_tokens", "tickets")


async def ask(client: Client, method: str, path: str, **headers: str) -> int:
    return (await client.request(method, path, json={}, headers=headers)).status_code


@pytest.fixture
async def ada(client: Client) -> Client:
    await join(client)
    await login(client)
    return client


@pytest.mark.parametrize(("method", "path"), WAYS)
async def test_an_account_is_gone_with_all_it_has(ada: Client, method: str, path: str) -> None:
    ended, program = list[str](), new_token()
    ada.service.session_ended.connect(ended.append)
    async with ada.service.get(Database).writing() as session:
        (id,) = (await session.execute(text("SELECT id FROM accounts"))).scalars()
        session.add(ApiToken(token_hash=hashed(program), account_id=id, name="x"))
    await forgot(ada)
    async with elsewhere(ada) as other:
        answer = await ada.request(method, path, json={})
        assert answer.status_code == 204
        assert 'session=""' in answer.headers["Set-Cookie"]
        assert not await is_logged_in(other)
    assert len(ended) == 3
    async with ada.service.get(Database).reading() as session:
        for table in TABLES:
            count = await session.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
            assert (table, count) == (table, 0)
    told = (await mails(ada))[0]
    assert (told["to"], told["subject"]) == (EMAIL, "Your account was deleted")
    await join(ada)
    assert (await login(ada)).status_code == 200


@pytest.mark.parametrize(("method", "path"), WAYS)
async def test_the_login_must_be_recent(ada: Client, method: str, path: str) -> None:
    await long_ago(ada)
    assert await ask(ada, method, path) == 403
    assert await is_logged_in(ada)


@pytest.mark.parametrize(("method", "path"), WAYS)
async def test_nobody_else_can_delete_it(ada: Client, method: str, path: str) -> None:
    async with ada.service.get(Database).writing() as session:
        (id,) = (await session.execute(text("SELECT id FROM accounts"))).scalars()
        program = new_token()
        session.add(ApiToken(token_hash=hashed(program), account_id=id, name="x"))
    ada.cookies.clear()
    bearer = {"Authorization": f"Bearer {program}"}
    assert await ask(ada, method, path) == 401
    assert await ask(ada, method, path, **bearer) == 403
    assert (await ada.get("/auth/me", headers=bearer)).status_code == 200
    assert (await ada.get("/auth/me/delete", headers=bearer)).status_code == 403


async def test_looking_deletes_nothing_and_nothing_else_does(ada: Client) -> None:
    assert (await ada.get("/auth/me/delete")).json()["method"] == "POST"
    answer = await ada.post("/auth/me", json={})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, DELETE, OPTIONS")
    override = await ada.post("/auth/logout", data={"_method": "DELETE"})
    assert override.status_code == 204
    assert (await login(ada)).status_code == 200
