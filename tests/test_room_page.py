"""The page of a room as people use it: with others, by keyboard, in their language and window."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browsing import People
from tests.rooms import Rooms, away, connected, enter, fill, name, said, say, text_field

pytestmark = pytest.mark.xdist_group("rooms")

SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"
RIGHT_TO_LEFT = "\u202egnp.exe"
LONG = "W" * 500
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
HOSTILE = [SCRIPT, RIGHT_TO_LEFT, LONG, FAMILY, "{when}", "constructor", "  two\n  lines"]
MANY = [f"message {number}" for number in range(40)]


def test_people_on_two_processes_talk_and_see_each_other(
    rooms: Rooms, room: str, people: People
) -> None:
    ada, bob = enter(people, rooms.here, room), enter(people, rooms.there, room)
    for page in (ada, bob):
        expect(page.locator(".people li")).to_have_count(2)
        expect(page.locator(".people .count")).to_have_text("2")
        expect(page.locator(".people .me")).to_have_count(1)
    assert name(ada) != name(bob)
    say(ada, "Hello.", "Is anybody here?")
    expect(said(bob)).to_have_text(["Hello.", "Is anybody here?"])
    say(bob, "Yes.")
    expect(said(ada)).to_have_text(["Hello.", "Is anybody here?", "Yes."])
    expect(ada.locator(".message:not(.more) .who")).to_have_text([name(ada), name(bob)])
    bob.close()
    expect(ada.locator(".people li")).to_have_count(1)


def test_two_windows_of_one_person_are_one_person(rooms: Rooms, room: str, people: People) -> None:
    first = enter(people, rooms.here, room)
    second = people.window(first.context)
    second.goto(first.url)
    connected(second)
    say(first, "From the first.")
    expect(said(second)).to_have_text(["From the first."])
    text_field(first).fill("The same, but not yet")
    say(second, "The same, but not yet")
    for page in (first, second):
        expect(said(page)).to_have_count(2)
        expect(page.locator(".people li")).to_have_count(1)
    expect(text_field(first)).to_have_value("The same, but not yet")


def test_who_enters_reads_what_was_said_and_is_not_read_all_of_it(
    rooms: Rooms, room: str, people: People
) -> None:
    fill(rooms, room, *MANY)
    page = people.page()
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => new MutationObserver(([change]) => {"
        " window.live ??= change.target.closest('[role=log]').ariaLive;"
        "}).observe(document.querySelector('[role=log] ol'), {childList: true}))"
    )
    page.goto(f"{rooms.here}/rooms/{room}")
    expect(said(page)).to_have_text(MANY)
    expect(said(page).last).to_be_in_viewport()
    expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
    assert page.evaluate("window.live") == "off"


def test_who_reads_above_stays_there_and_is_told_of_news(
    rooms: Rooms, room: str, people: People
) -> None:
    fill(rooms, room, *MANY)
    ada, bob = enter(people, rooms.here, room), enter(people, rooms.there, room)
    expect(said(ada)).to_have_count(len(MANY))
    said(ada).first.scroll_into_view_if_needed()
    expect(ada.get_by_role("button", name="To the newest")).to_be_visible()
    say(bob, "News.")
    expect(ada.get_by_role("button", name="New messages")).to_be_visible()
    expect(said(ada).first).to_be_in_viewport()
    expect(ada.locator(".divider + .message .text")).to_have_text("News.")
    ada.get_by_role("button", name="New messages").click()
    expect(said(ada).last).to_be_in_viewport()
    expect(ada.locator(".jump")).to_be_hidden()
    say(bob, "More.")
    expect(said(ada).last).to_have_text("More.")
    expect(said(ada).last).to_be_in_viewport()


def test_the_keyboard_is_enough(rooms: Rooms, room: str, people: People) -> None:
    fill(rooms, room, *MANY)
    page = enter(people, rooms.here, room)
    log = page.get_by_role("log")
    expect(said(page)).to_have_count(len(MANY))
    page.get_by_role("link", name="Skip to the content").focus()
    tab_to(page, ".room textarea")
    page.keyboard.type("One line,")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another.")
    page.keyboard.press("Enter")
    expect(said(page).last).to_have_text("One line,\nand another.")
    page.keyboard.press("Shift+Tab")
    expect(log).to_be_focused()
    assert log.evaluate("log => getComputedStyle(log).outlineStyle") == "solid"
    page.keyboard.press("Home")
    expect(said(page).first).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="To the newest")).to_be_focused()
    page.keyboard.press("Enter")
    expect(said(page).last).to_be_in_viewport()
    expect(log).to_be_focused()


def tab_to(page: Page, selector: str) -> None:
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


@pytest.mark.parametrize(
    ("locale", "scheme", "width"),
    [("en", "light", 1280), ("en", "dark", 360), ("zh-CN", "light", 360), ("zh-CN", "dark", 1280)],
)
def test_nothing_is_in_the_way_of_anybody(
    rooms: Rooms, room: str, people: People, locale: str, scheme: str, width: int
) -> None:
    """axe-core's rules, with a line and without, and no window that scrolls sideways."""
    fill(rooms, room, *HOSTILE, *MANY)
    page = people.page(locale=locale, color_scheme=scheme, viewport={"width": width, "height": 720})
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    faultless(page, width)
    away(page)
    page.get_by_role("textbox").fill("This stays.")
    page.keyboard.press("Enter")
    faultless(page, width)


def faultless(page: Page, width: int) -> None:
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_whatever_is_said_by_whomever_is_shown_as_text(
    rooms: Rooms, room: str, people: People
) -> None:
    page = enter(people, rooms.here, room, viewport={"width": 360, "height": 640})
    page.on("dialog", lambda dialog: people.faults.append(dialog.message))
    fill(rooms, room, *HOSTILE, who=[*HOSTILE[:-1], "\u200f"])
    expect(said(page)).to_have_count(len(HOSTILE))
    assert [text.inner_text() for text in said(page).all()] == HOSTILE
    names = page.locator(".message .who").all()
    assert [who.text_content() for who in names] == [*HOSTILE[:-1], "\u200f"]
    assert page.evaluate("document.querySelectorAll('.log :is(img, script)').length") == 0
    assert page.evaluate("document.querySelector('.log').scrollWidth") <= 360
