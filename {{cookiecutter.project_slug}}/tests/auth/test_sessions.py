"""Sessions by the thousand: none makes the requests of others wait."""

from typing import Any

import pytest

from app.auth import sessions
from app.auth.accounts import Accounts
from app.auth.models import Session
from app.auth.sessions import Sessions
from tests.auth.people import EMAIL, PASSWORD, join
from tests.conftest import Client


class Unwalked(dict[Any, Any]):
    """Whose members are looked up but never gone through."""

    def __iter__(self) -> Any:
        raise AssertionError("gone through")

    items = keys = values = __iter__


async def begin(client: Client, number: int) -> list[str]:
    """Log the same person in so many times; the sessions' tokens."""
    await join(client)
    account = await client.service.get(Accounts).authenticate(EMAIL, PASSWORD)
    assert account
    start = client.service.get(Sessions).start
    tokens = [await start(account, False, "", "") for _ in range(number)]
    return [token for token in tokens if token]


async def test_an_end_costs_the_same_however_many_are_in_memory(client: Client) -> None:
    kept = client.service.get(Sessions)
    one, other = await begin(client, 2)
    assert await kept.find(Session, one)
    assert await kept.find(Session, other)
    kept._cache = Unwalked(kept._cache)
    await kept.end(one)
    assert len(kept._cache) == len(kept._keys) == 1
    assert await kept.find(Session, one) is None
    assert await kept.find(Session, other)


async def test_the_oldest_make_room_in_memory(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    kept = client.service.get(Sessions)
    tokens = await begin(client, 4)
    for token in tokens * 2:
        assert await kept.find(Session, token)
        assert len(kept._cache) == len(kept._keys) <= 2
    for token in tokens:
        await kept.end(token)
    assert not kept._cache


async def test_a_session_that_ends_while_it_is_looked_up_is_not_found(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, (token,) = client.service.get(Sessions), await begin(client, 1)
    look_up = kept._look_up

    async def slowly(key: Any) -> Any:
        found = await look_up(key)
        monkeypatch.setattr(kept, "_look_up", look_up)
        await kept.end(token)
        return found

    monkeypatch.setattr(kept, "_look_up", slowly)
    assert await kept.find(Session, token) is None


async def test_what_was_looked_up_before_a_doubt_is_looked_up_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, (token,) = client.service.get(Sessions), await begin(client, 1)
    look_up = kept._look_up

    async def doubted(key: Any) -> Any:
        kept.forget_all()
        return await look_up(key)

    monkeypatch.setattr(kept, "_look_up", doubted)
    assert await kept.find(Session, token)
    assert not kept._cache
