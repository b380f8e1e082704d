"""What operators do with accounts by the command `user`."""

import pytest
from sqlalchemy import update

from app import telemetry
from app.auth.commands import user
from app.auth.models import Account
from app.database import Database, now
from app.main import create_service
from tests.auth.people import EMAIL, is_logged_in, join, login
from tests.conftest import Client


@pytest.fixture(autouse=True)
def levels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The log levels that were asked for, as nothing is to be set for the tests that follow."""
    levels = list[str]()
    monkeypatch.setattr(telemetry, "configure", lambda config: levels.append(config.log_level))
    return levels


async def run(*arguments: str) -> int:
    """Run the command as a process of its own would."""
    return await user(create_service(), list(arguments))


async def test_lists_the_accounts_and_logs_nothing(
    client: Client, capsys: pytest.CaptureFixture[str], levels: list[str]
) -> None:
    await join(client)
    await join(client, "eve@example.com")
    assert await run("disable", EMAIL) == 0
    capsys.readouterr()
    assert await run("list") == 0
    rows = [line.split("\t")[:2] for line in capsys.readouterr().out.splitlines() if "\t" in line]
    assert set(levels) == {"CRITICAL"}
    assert rows == [[EMAIL, "disabled"], ["eve@example.com", "active"]]


async def test_a_disabled_account_is_out_everywhere_until_it_is_enabled(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.revocations.EVERY_SECONDS", 0.01)
    await join(client)
    await login(client)
    token = (await client.post("/auth/tokens", json={"name": "x"})).json()["token"]
    assert await is_logged_in(client)
    assert await run("disable", EMAIL.upper()) == 0
    refused = await login(client)
    assert (refused.status_code, refused.json()["detail"]) == (
        401,
        "The address or the password is wrong.",
    )
    client.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/auth/me", headers=bearer)).status_code == 401
    assert await run("enable", EMAIL) == 0
    assert (await login(client)).status_code == 200


async def test_what_begins_while_the_account_is_disabled_is_worth_nothing(client: Client) -> None:
    await join(client)
    await login(client)
    token = (await client.post("/auth/tokens", json={"name": "x"})).json()["token"]
    async with client.service.get(Database).writing() as session:
        await session.execute(update(Account).values(disabled_at=now()))
    client.service.sessions_unsure.send(None)
    assert not await is_logged_in(client)
    client.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/auth/me", headers=bearer)).status_code == 401


async def test_a_deleted_account_is_gone_with_all_that_it_had(client: Client) -> None:
    await join(client)
    await login(client)
    assert await run("delete", EMAIL) == 0
    assert (await login(client)).status_code == 401
    await join(client)
    assert (await login(client)).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["disable", "nobody@example.com"], 1, "there is no account of nobody@example.com\n"),
        (["disable"], 64, "usage: user list, or user disable|enable|delete EMAIL\n"),
        (["paint", EMAIL], 64, "usage: user list, or user disable|enable|delete EMAIL\n"),
        ([], 64, "usage: user list, or user disable|enable|delete EMAIL\n"),
    ],
)
async def test_what_is_wrong_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert await run(*arguments) == code
    assert capsys.readouterr().err == said
