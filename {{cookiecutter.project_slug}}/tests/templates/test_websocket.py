"""The page of a room, and its script."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from app.service import ANYONE, Identity
from tests.conftest import Client, Start
from tests.templates.pages import BROWSER, Page, nonce_of


@pytest.fixture
async def browser(start: Start) -> AsyncIterator[Client]:
    """A browser of somebody who may be in a room, whoever says who that is."""

    async def ada(handler: object) -> Identity:
        return Identity("1", '"<Ada>" & co')

    async with start() as client:
        client.service.identify = ada
        client.headers.update(BROWSER)
        yield client


async def test_a_room_has_its_name_and_that_of_its_reader(browser: Client) -> None:
    page = Page(await browser.get("/rooms/lobby"))
    (room,) = page.all("section", **{"class": "room"})
    assert (room["data-room"], room["data-who"]) == ("lobby", '"<Ada>" & co')


async def test_its_history_is_not_read_out(browser: Client) -> None:
    page = Page(await browser.get("/rooms/lobby"))
    assert page.all("div", role="log", tabindex="0", **{"aria-live": "off"})


async def test_its_scripts_may_run_and_are_kept_for_ever(browser: Client) -> None:
    answer = await browser.get("/rooms/lobby")
    imported, script = Page(answer).all("script")
    assert imported["nonce"] == script["nonce"] == nonce_of(answer)
    modules = json.loads(re.findall(r'"importmap"[^>]*>(.*?)</script>', answer.text)[0])["imports"]
    for url in (script["src"], *modules.values()):
        code = await browser.get(url)
        assert code.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert "immutable" in code.headers["Cache-Control"]
        assert "innerHTML" not in code.text
        assert set(re.findall(r'from "(.*)"', code.text)) <= modules.keys()


async def test_the_navigation_leads_to_the_lobby_and_says_when_it_is_there(
    browser: Client,
) -> None:
    (link,) = Page(await browser.get("/")).all("a", href="/rooms/lobby")[:1]
    assert "aria-current" not in link
    (link,) = Page(await browser.get("/rooms/lobby")).all("a", href="/rooms/lobby")
    assert link["aria-current"] == "page"


async def test_a_guest_has_a_room_too(browser: Client) -> None:
    async def guest(handler: object) -> Identity:
        return ANYONE

    browser.service.identify = guest
    answer = await browser.get("/rooms/lobby")
    assert answer.status_code == 200
    assert Page(answer).all("section", **{"class": "room"})[0]["data-who"]
