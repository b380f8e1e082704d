"""Hashing: off the loop, of what was typed, and not for more people than can wait."""

import asyncio
import threading
from typing import Any

import pytest

from app.auth import passwords
from app.auth.accounts import Accounts
from tests.auth.people import EMAIL, join, login, register, reset, watching
from tests.conftest import Client

LONG = " ".join(map(str, range(100)))[:256]


async def test_nothing_is_hashed_on_the_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, quick = list[str](), passwords.HASHER

    class Watched:
        check_needs_rehash = quick.check_needs_rehash

        def hash(self, password: str) -> str:
            threads.append(threading.current_thread().name)
            return quick.hash(password)

        def verify(self, known: str, password: str) -> bool:
            threads.append(threading.current_thread().name)
            return quick.verify(known, password)

    monkeypatch.setattr(passwords, "HASHER", Watched())
    await join(client)
    await login(client)
    assert len(threads) > 2
    assert all(name.startswith("passwords") for name in threads)


@pytest.mark.parametrize(
    "password",
    [
        "8 signs.",
        " ".join(map(str, range(100)))[:256],
        "with a space at the end ",
        "\U0001f511 and a lock",
    ],
)
async def test_a_password_is_what_was_typed(client: Client, password: str) -> None:
    await join(client, password=password)
    assert (await login(client, password=password[:-1])).status_code == 401
    assert (await login(client, password=password)).status_code == 200


async def test_what_looks_the_same_is_the_same(client: Client) -> None:
    await join(client, password="caf\u00e9 au lait")
    assert (await login(client, password="cafe\u0301 au lait")).status_code == 200
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in "password123")
    assert (await register(client, password=wide)).status_code == 422


async def test_more_than_can_wait_are_told_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(client)
    doors, hashing = client.service.get(Accounts)._passwords, threading.Event()
    monkeypatch.setattr(passwords, "MOST", 3)
    waiting = [asyncio.create_task(doors._in_a_thread(hashing.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        answer = await login(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    hashing.set()
    await asyncio.gather(*waiting)
    assert (await login(client)).status_code == 200


async def test_a_made_up_link_costs_no_hash(client: Client) -> None:
    with watching(client) as work:
        assert (await reset(client, "x" * 43, "another good password")).status_code == 400
    assert "hash" not in work


@pytest.mark.parametrize("address", ["=?x?q?a?=@b.org", "=?us-ascii?q?a=40b.org=2c_?=@b.org"])
async def test_an_encoded_word_is_no_address(client: Client, address: str) -> None:
    given: dict[str, Any] = {"email": address}
    assert (await register(client, address)).status_code == 422
    assert (await client.post("/auth/forgot", json=given)).status_code == 422
    assert EMAIL not in (await client.get("/dev/mail")).text
