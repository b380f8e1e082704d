"""A real browser for the tests: its windows, its pictures, its network and its clock."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    WebSocketRoute,
    sync_playwright,
)

from tests import servers
from tests.combinations import ROOT

HARMLESS = re.compile("Failed to load resource|WebSocket connection to")
"""What Chromium says on its console where a line is cut on purpose."""

LUCK = "Math.random = () => 0.1"
"""Waits that are left to chance are short, and the same each time."""

PICTURES = ROOT / "artefacts"
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = servers.needed("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        yield chromium
        chromium.close()


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


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


@pytest.fixture
def people(browser: Browser) -> Iterator[People]:
    """Nothing may go wrong in any of their windows."""
    people = People(browser)
    yield people
    for context in people.contexts:
        context.close()
    assert people.faults == []


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


def stop_clock(page: Page) -> None:
    """From now on time goes on where the test says so only."""
    page.clock.pause_at(page.evaluate("Date.now() + 1000") / 1000)
