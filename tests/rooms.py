"""Rooms for the tests: processes that share them, and people who look at them in a browser."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    WebSocketRoute,
    expect,
)

from tests import servers
from tests.combinations import Combination, bake
from tests.conftest import clean_environment
from tests.processes import Started, started

HARMLESS = re.compile("Failed to load resource|WebSocket connection to")
"""What Chromium says on its console where a line is cut on purpose."""

LUCK = "Math.random = () => 0.1"
"""Waits that are left to chance are short, and the same each time."""

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


@dataclass
class People:
    """Opens browser windows, and keeps what goes wrong in any of them."""

    browser: Browser
    faults: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def page(self, **options: Any) -> Page:
        """A window of somebody new."""
        context = self.browser.new_context(**{"locale": "en-GB", **options})
        context.add_init_script(LUCK)
        self.contexts.append(context)
        return self.window(context)

    def window(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.clock.install()
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        return page

    def heard(self, said: ConsoleMessage) -> None:
        if said.type == "error" and not HARMLESS.search(said.text):
            self.faults.append(said.text)

    def enter(self, url: str, room: str, **options: Any) -> Page:
        """Somebody new in the room."""
        page = self.page(**options)
        page.goto(f"{url}/rooms/{room}")
        connected(page)
        return page


@pytest.fixture
def people(browser: Browser) -> Iterator[People]:
    """Nothing may go wrong in any of their windows."""
    people = People(browser)
    yield people
    for context in people.contexts:
        context.close()
    assert people.faults == []


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


@dataclass
class Cable:
    """The line between a page and the service, and what the test lets through to the page."""

    page: Page
    through: Callable[[str], list[str]] = lambda message: [message]
    route: WebSocketRoute | None = None

    def __post_init__(self) -> None:
        self.page.route_web_socket(re.compile("/socket"), self.opened)

    def opened(self, route: WebSocketRoute) -> None:
        self.route = route
        route.connect_to_server().on_message(self.pass_on)

    def pass_on(self, message: str | bytes) -> None:
        for passed in self.through(str(message)):
            self.send(passed)

    def send(self, message: str) -> None:
        assert self.route
        self.route.send(message)

    def close(self, code: int) -> None:
        assert self.route
        self.route.close(code=code)


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
