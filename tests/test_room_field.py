"""The field of a room's page: nothing that is typed is lost, and nothing is said twice."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, WebSocket, expect

from tests.browsing import Cable, People, stop_clock
from tests.probing import PASSWORD
from tests.processes import Started
from tests.rooms import Rooms, connected, enter, fill, refuse, said, say, server, text_field

pytestmark = pytest.mark.xdist_group("rooms")

FAMILY = "\U0001f468\u200d\U0001f469"
"""One sign of three characters, which are five to a browser."""

REFUSALS = [
    ("invalid", "That could not be understood."),
    ("too_large", "That is too long."),
    ("rate_limited", "Too fast. Wait a moment."),
    ("unavailable", "The room does not answer. Try again in a moment."),
    (1009, "That is too long."),
    (1001, "Not sent: there is no connection. Your text is still here."),
]
"""What may become of a text that was sent, by the code of an error or of a close."""


def test_an_enter_that_ends_a_composition_sends_nothing(
    rooms: Rooms, room: str, people: People
) -> None:
    page = enter(people, rooms.here, room)
    text_field(page).fill("ni hao")
    text_field(page).dispatch_event("keydown", {"key": "Enter", "keyCode": 229})
    expect(text_field(page)).to_have_value("ni hao")
    say(page, "你好")
    expect(said(page)).to_have_text(["你好"])


def test_a_text_that_is_sent_before_the_line_is_open_is_said_when_it_is(
    rooms: Rooms, room: str, people: People
) -> None:
    fill(rooms, room, "Hello", "as others say")
    page, held = people.page(), list[Route]()
    page.route("**/messages*", lambda route: held.append(route))
    with page.expect_request("**/messages*"):
        page.goto(f"{rooms.here}/rooms/{room}")
    say(page, "Hello")
    expect(text_field(page)).to_have_value("")
    held.pop().continue_()
    expect(said(page)).to_have_text(["Hello", "as others say", "Hello"])


@pytest.mark.parametrize("text", [FAMILY * 1366, "x" * 70_000])
def test_a_text_that_is_too_long_stays_and_does_not_cost_the_line(
    rooms: Rooms, room: str, people: People, text: str
) -> None:
    page, lines = people.page(), list[WebSocket]()
    page.on("websocket", lambda line: lines.append(line))
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    say(page, text)
    expect(page.get_by_role("alert")).to_have_text("That is too long.")
    expect(text_field(page)).to_have_value(text)
    expect(text_field(page)).to_have_attribute("aria-invalid", "true")
    expect(text_field(page)).to_have_accessible_description(re.compile("^That is too long"))
    say(page, FAMILY * 1365)  # 4095 characters
    expect(said(page)).to_have_text([FAMILY * 1365])
    expect(page.get_by_role("alert")).to_be_empty()
    assert len(lines) == 1


@pytest.mark.parametrize(("code", "words"), REFUSALS)
def test_texts_that_are_refused_or_wait_for_one_that_is_are_given_back(
    rooms: Rooms, room: str, people: People, code: str | int, words: str
) -> None:
    page = people.page()
    cable = Cable(page)
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    stop_clock(page)
    cable.through = without_messages
    say(page, "one", "two", "three")
    text_field(page).fill("four")
    cable.close(code) if isinstance(code, int) else cable.send(refuse(code))
    expect(text_field(page)).to_have_value("one\ntwo\nthree\nfour")
    expect(page.get_by_role("alert")).to_have_text(words)


def test_a_text_whose_echo_was_lost_is_not_given_back_for_good(
    rooms: Rooms, room: str, people: People
) -> None:
    page, other = people.page(), enter(people, rooms.there, room)
    cable = Cable(page)
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    stop_clock(page)
    cable.through = without_messages
    say(page, "said", "not said")
    expect(said(other)).to_have_text(["said"])
    cable.close(4000)
    expect(text_field(page)).to_have_value("said\nnot said")
    cable.through = lambda message: [message]
    page.get_by_role("button", name="Try now").click()
    expect(said(page)).to_have_text(["said"])
    expect(text_field(page)).to_have_value("not said")
    text_field(page).press("Enter")
    expect(said(other)).to_have_text(["said", "not said"])


def without_messages(message: str) -> list[str]:
    return [] if json.loads(message)["type"] == "message" else [message]


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Iterator[Started]:
    on = frozenset({"auth", "websocket", "templates"})
    with server(on, tmp_path_factory.mktemp("accounts"), python)() as process:
        yield process


def test_a_session_that_ends_leads_to_the_login_and_back_to_what_was_typed(
    accounts: Started, room: str, people: People
) -> None:
    page = people.page()
    register(page, accounts.url)
    page.goto(f"{accounts.url}/rooms/{room}")
    log_in(page)
    connected(page)
    text_field(page).fill("Half a sentence")
    other = people.window(page.context)
    other.goto(f"{accounts.url}/auth/me")
    other.get_by_role("main").get_by_role("button", name="Log out").click()
    page.wait_for_url("**/auth/login?next=*")
    log_in(page)
    connected(page)
    expect(text_field(page)).to_have_value("Half a sentence")


def register(page: Page, url: str) -> None:
    request, person = page.context.request, {"email": "ada@example.com", "password": PASSWORD}
    assert request.post(f"{url}/auth/register", data=person).status == 202
    token = request.get(f"{url}/dev/mail").json()[0]["text"].split("token=")[1].split()[0]
    assert request.post(f"{url}/auth/confirm", data={"token": token}).ok


def log_in(page: Page) -> None:
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
