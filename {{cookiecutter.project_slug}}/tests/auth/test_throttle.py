"""Throttling: so many attempts, told alike for accounts that are and that are not."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from app.throttle import Throttle, memory
from tests.auth.authenticator import change
from tests.auth.counting import lets_so_many_through_and_tells_how_long_to_wait
from tests.auth.people import EMAIL, PASSWORD, join, login, register
from tests.conftest import Client, Start

WRONG = "not the password"
CLOSED = "UPDATE accounts SET disabled_at = '2020-01-01' WHERE email = 'closed@example.com'"


async def test_counts_in_memory(client: Client) -> None:
    await lets_so_many_through_and_tells_how_long_to_wait(client.service.get(Throttle))


async def test_a_window_ends(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    throttle, moment = client.service.get(Throttle), [1000.0]
    monkeypatch.setattr("app.throttle.memory.time.monotonic", lambda: moment[0])
    assert await throttle.count("a", 60) == (1, 60)
    moment[0] += 59
    assert await throttle.count("a", 60) == (2, 1)
    moment[0] += 1
    assert await throttle.count("a", 60) == (1, 60)


async def test_memory_is_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", 3)
    throttle = memory.Throttle(client.service)
    for number in range(5):
        await throttle.count(str(number), 60)
    assert set(throttle._windows) == {"2", "3", "4"}


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
async def test_too_many_logins_are_stopped_whoever_is_tried(start: Start, email: str) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="2") as client:
        await join(client)
        tried = [(await login(client, email, WRONG)).status_code for _ in range(3)]
        answer = await login(client, email)
    assert tried == [401, 401, 429]
    assert answer.status_code == 429, "the right password must not show either"
    assert 0 < int(answer.headers["Retry-After"]) <= 180


def seen(answer: httpx.Response) -> tuple[int, Any, dict[str, str]]:
    """All of the answer but what is its own: its id and its time."""
    headers = dict(answer.headers) | {"x-request-id": "", "date": ""}
    return answer.status_code, answer.json() | {"request_id": ""}, headers


async def test_a_refusal_tells_by_nothing_why(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="1") as client:
        for email in (EMAIL, "closed@example.com"):
            await join(client, email)
        await change(
            client,
            CLOSED,
        )
        given = [(EMAIL, WRONG), ("closed@example.com", PASSWORD), ("nobody@example.com", WRONG)]
        tried = [[seen(await login(client, *each)) for _ in range(2)] for each in given]
    assert [[status for status, *_ in each] for each in tried] == [[401, 429]] * 3
    assert tried[0] == tried[1] == tried[2]


async def test_one_address_cannot_try_many_accounts(start: Start) -> None:
    async with start(AUTH_ATTEMPTS_PER_ADDRESS="3") as client:
        tried = [
            await client.post(
                "/auth/login",
                json={"email": f"{number}@example.com", "password": WRONG},
                headers={"X-Forwarded-For": f"10.0.0.{number}"},
            )
            for number in range(5)
        ]
    assert [answer.status_code for answer in tried] == [401, 401, 401, 429, 429]


async def test_registration_is_throttled_too(start: Start) -> None:
    async with start(AUTH_ATTEMPTS_PER_ACCOUNT="1") as client:
        assert [(await register(client)).status_code for _ in range(2)] == [202, 429]
