"""Rooms for the tests: processes that share them, and what people do there in a browser."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from redis import Redis

from tests import servers
from tests.browsing import People
from tests.combinations import Combination, bake
from tests.conftest import clean_environment
from tests.processes import Started, started

NAMES = count(1)

Serve = Callable[..., AbstractContextManager[Started]]
"""Starts a process with these settings; leaving the block kills it."""


def server(on: Combination, folder: Path, python: Path) -> Serve:
    """A baked project with these features, to be started as often as needed."""
    root = bake(on, folder)

    @contextmanager
    def serve(port: int = 0, **settings: str) -> Iterator[Started]:
        port = port or servers.free_port()
        given = {"PORT": str(port), "SECRET_KEY": "k" * 40, "LOG_FORMAT": "json"} | settings
        with started([str(python), "-m", "app"], root, clean_environment(**given)) as process:
            yield process

    return serve


@dataclass
class Rooms:
    """Two processes with the same rooms, and how to start a third."""

    redis: str
    here: str
    there: str
    serve: Serve


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Iterator[Rooms]:
    folder = tmp_path_factory.mktemp("rooms")
    serve = server(frozenset({"redis", "websocket", "templates"}), folder / "baked", python)
    with ExitStack() as stack:
        redis = stack.enter_context(servers.redis(folder))
        here, there = (stack.enter_context(serve(REDIS_URL=redis)) for _ in range(2))
        yield Rooms(redis, here.url, there.url, serve)


@pytest.fixture
def room() -> str:
    """A room of the test's own."""
    return f"room-{next(NAMES)}"


def enter(people: People, url: str, room: str, **options: Any) -> Page:
    """Somebody new in the room."""
    page = people.page(**options)
    page.goto(f"{url}/rooms/{room}")
    connected(page)
    return page


def state(page: Page) -> Locator:
    return page.locator(".room .state")


def connected(page: Page) -> None:
    expect(state(page)).to_have_attribute("data-state", "open", timeout=20_000)


def lost(page: Page) -> None:
    expect(state(page)).to_have_attribute("data-state", "closed", timeout=20_000)


def away(page: Page) -> None:
    """Take the page's network, which closes no socket, and let it find that out."""
    page.context.set_offline(True)
    page.wait_for_function("!navigator.onLine")
    page.clock.fast_forward(5000)
    lost(page)


def text_field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your message")


def say(page: Page, *texts: str) -> None:
    for text in texts:
        text_field(page).fill(text)
        text_field(page).press("Enter")


def said(page: Page) -> Locator:
    """The texts in the log."""
    return page.get_by_role("log").locator(".text")


def refuse(code: str) -> str:
    """What the service sends where it does not say a text."""
    return json.dumps({"type": "error", "code": code, "detail": ""})


def name(page: Page) -> str:
    """Under which name somebody speaks."""
    return page.locator(".people .me bdi").inner_text()


def fill(rooms: Rooms, room: str, *texts: str, who: list[str] | None = None) -> None:
    """Say this in the room; under these names, which no login gives, if any are named."""
    with Redis.from_url(rooms.redis) as redis:
        for text, name in zip(texts, who or ["ada"] * len(texts), strict=True):
            redis.xadd(f"{{rooms}}:said:{room}", {"who": name, "text": text})
