"""The page of a room when the line fails: it says so, comes back by itself, and loses nothing."""

import signal

import pytest
from playwright.sync_api import Page, expect
from redis import Redis

from tests import servers
from tests.browsing import Cable, People, stop_clock
from tests.rooms import Rooms, away, connected, enter, lost, said, say, text_field

pytestmark = pytest.mark.xdist_group("rooms")


def test_a_process_that_is_killed_and_comes_back_costs_nothing(
    rooms: Rooms, room: str, people: People
) -> None:
    port, missed = servers.free_port(), [f"missed {number}" for number in range(20)]
    with rooms.serve(port, REDIS_URL=rooms.redis) as process:
        ada, bob = enter(people, process.url, room), enter(people, rooms.there, room)
        say(bob, "before")
        expect(said(ada)).to_have_text(["before"])
        process.process.send_signal(signal.SIGKILL)
        lost(ada)
    say(bob, *missed)
    expect(said(bob)).to_have_count(21)
    say(ada, "I am still here")
    expect(ada.get_by_role("alert")).to_contain_text("Not sent")
    with rooms.serve(port, REDIS_URL=rooms.redis):
        connected(ada)
        text_field(ada).press("Enter")
        for page in (ada, bob):
            expect(said(page)).to_have_text(["before", *missed, "I am still here"])


def test_a_room_whose_history_is_gone_begins_anew(rooms: Rooms, room: str, people: People) -> None:
    ada, bob = enter(people, rooms.here, room), enter(people, rooms.there, room)
    say(bob, "forgotten")
    expect(said(ada)).to_have_text(["forgotten"])
    away(ada)
    with Redis.from_url(rooms.redis) as redis:
        redis.delete(f"{{rooms}}:said:{room}")
    say(bob, "new")
    expect(said(bob)).to_have_text(["forgotten", "new"])
    ada.context.set_offline(False)
    expect(said(ada)).to_have_text(["new"])
    say(ada, "newer")
    expect(said(ada)).to_have_text(["new", "newer"])


def test_a_network_that_goes_and_comes_is_noticed_at_once(
    rooms: Rooms, room: str, people: People
) -> None:
    ada, bob = enter(people, rooms.here, room), enter(people, rooms.there, room)
    stop_clock(ada)
    away(ada)
    say(bob, "missed")
    ada.context.set_offline(False)
    connected(ada)
    expect(said(ada)).to_have_text(["missed"])


def test_a_line_that_is_silent_is_asked_and_given_up(
    rooms: Rooms, room: str, people: People
) -> None:
    """A process that hangs closes nothing, as a network does that drops everything."""
    with rooms.serve(REDIS_URL=rooms.redis) as process:
        page = people.page()
        with page.expect_websocket() as opened:
            page.goto(f"{process.url}/rooms/{room}")
        connected(page)
        with opened.value.expect_event("framereceived", lambda text: "invalid" in str(text)):
            page.clock.fast_forward(25_000)
        page.clock.fast_forward(24_000)
        connected(page)
        expect(page.get_by_role("alert")).to_be_empty()
        process.process.send_signal(signal.SIGSTOP)
        page.clock.fast_forward(25_000)
        page.clock.fast_forward(5000)
        lost(page)
        process.process.send_signal(signal.SIGCONT)
        connected(page)


def test_a_reader_who_comes_back_has_the_line_asked(
    rooms: Rooms, room: str, people: People
) -> None:
    page = people.page()
    cable = Cable(page)
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    stop_clock(page)
    cable.through = lambda message: []
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.fast_forward(5000)
    lost(page)


@pytest.mark.parametrize(("code", "seconds"), [(1001, 1), (1008, 31), (1013, 6)])
def test_why_a_line_was_closed_says_how_long_to_wait(
    rooms: Rooms, room: str, people: People, code: int, seconds: int
) -> None:
    page = people.page()
    cable = Cable(page)
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    stop_clock(page)
    cable.close(code)
    waits(page, seconds)
    page.clock.fast_forward((seconds - 1) * 1000)
    waits(page, 1)
    page.clock.fast_forward(1000)
    connected(page)


def test_waits_double_until_a_line_has_held(rooms: Rooms, room: str, people: People) -> None:
    page = people.page()
    page.context.add_init_script("Math.random = () => 1")
    cable = Cable(page)
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    stop_clock(page)
    page.route("**/messages*", lambda route: route.abort())
    cable.close(4000)
    for seconds in (1, 2, 4, 8, 16, 30, 30):
        waits(page, seconds)
        page.clock.fast_forward(seconds * 1000)
    waits(page, 30)
    page.unroute("**/messages*")
    page.get_by_role("button", name="Try now").click()
    connected(page)
    cable.close(4000)
    waits(page, 30)
    page.get_by_role("button", name="Try now").click()
    connected(page)
    page.clock.fast_forward(5000)
    for code, seconds in ((4000, 1), (4000, 2), (1001, 1)):
        cable.close(code)
        waits(page, seconds)
        page.get_by_role("button", name="Try now").click()
        connected(page)


def test_an_answer_says_how_long_to_wait(rooms: Rooms, room: str, people: People) -> None:
    page = people.page()
    page.route(
        "**/messages*", lambda route: route.fulfill(status=503, headers={"Retry-After": "7"})
    )
    page.goto(f"{rooms.here}/rooms/{room}")
    waits(page, 8)


def test_an_end_of_the_session_is_followed_by_a_reload(
    rooms: Rooms, room: str, people: People
) -> None:
    """Where a login is needed, the page's answer leads there."""
    page = people.page()
    cable = Cable(page)
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    stop_clock(page)
    with page.expect_navigation():
        cable.close(4401)
    connected(page)
    page.route("**/messages*", lambda route: route.fulfill(status=401), times=1)
    cable.close(4000)
    with page.expect_navigation():
        page.get_by_role("button", name="Try now").click()
    connected(page)


def test_what_comes_twice_or_late_is_shown_once(rooms: Rooms, room: str, people: People) -> None:
    page, past = people.page(), list[str]()
    cable = Cable(page)

    def again_and_again(message: str) -> list[str]:
        past.append(message)
        return [message, *past, *reversed(past)]

    cable.through = again_and_again
    page.goto(f"{rooms.here}/rooms/{room}")
    connected(page)
    texts = [f"message {number}" for number in range(5)]
    say(page, *texts)
    expect(said(page)).to_have_text(texts)


def waits(page: Page, seconds: int) -> None:
    """The page says that it tries again in so many seconds."""
    expect(page.locator(".when")).to_have_text(f"Trying again in {seconds} sec")
