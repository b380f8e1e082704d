"""Rooms over real processes and a real Redis, which are killed, stopped and cut off."""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import servers
from tests.chat import Person, Site, bake_chat, running, scenario, until
from tests.processes import Started

AT_ONCE = 20


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_chat(tmp_path_factory.mktemp("chat"))


@pytest.fixture
def site(project: Path, python: Path, tmp_path: Path) -> Iterator[Site]:
    with running(project, python, tmp_path / "redis") as site:
        yield site


def assert_same(people: list[Person]) -> None:
    """All have heard the same, each message once, in the order of the ids."""
    for person in people:
        assert person.heard == people[0].heard
        assert person.ids == people[0].ids
    order = [tuple(map(int, id.split("-"))) for id in people[0].ids]
    assert order == sorted(set(order))


def kept(service: Started) -> list[str]:
    """The texts of the history."""
    answer = httpx.get(f"{service.url}/rooms/lobby/messages").json()
    return [message["text"] for message in answer["messages"]]


@scenario
async def test_those_of_a_killed_process_go_on_at_another(site: Site) -> None:
    dies, stays = site.start(), site.start()
    cut_off = [await Person().enter(dies) for _ in range(5)]
    others = [await Person().enter(stays) for _ in range(2)]
    speaking = asyncio.create_task(speak(others[0], "b", 400))
    also = asyncio.create_task(speak(cut_off[0], "a", 100))
    await cut_off[-1].hears("b100")
    dies.process.kill()
    await also
    for person in cut_off:
        await person.come_back(stays)
    await speaking
    await others[0].insist("end")
    late = await Person().enter(stays, after=others[0].ids[50])
    everybody = [*cut_off, *others]
    for person in (*everybody, late):
        await person.hears("end")
    assert_same(everybody)
    heard = others[0].heard
    assert heard == kept(stays)
    assert late.heard == heard[51:]
    assert [text for text in heard if text[0] == "b"] == [f"b{n}" for n in range(400)]


async def speak(person: Person, prefix: str, number: int) -> None:
    for n in range(number):
        await person.say(f"{prefix}{n}")
        await asyncio.sleep(0.005)


@scenario
async def test_nothing_that_was_heard_is_lost_with_a_killed_redis(site: Site) -> None:
    one, other = site.start(), site.start()
    ada, bob = await Person().enter(one), await Person().enter(other)
    go_on = True

    async def speak_on(person: Person, prefix: str) -> None:
        for n in itertools.takewhile(lambda _: go_on, itertools.count()):
            await person.insist(f"{prefix}{n}")

    speaking = [asyncio.create_task(speak_on(*who)) for who in ((ada, "a"), (bob, "b"))]
    for number in (20, 40):
        await ada.hears(f"a{number}")
        site.redis.kill()
        await asyncio.gather(ada.refused(), bob.refused())
        site.redis.start()
    await ada.hears("a60")
    go_on = False
    await asyncio.gather(*speaking)
    late = await Person().enter(other, after=ada.ids[10])
    for person in (ada, bob, late):
        await ada.insist("end")
        await person.hears("end")
    assert_same([ada, bob])
    assert ada.heard == kept(one)
    assert late.heard == ada.heard[11:]
    assert ada.is_in
    assert bob.is_in


@scenario
async def test_who_knew_what_an_emptied_redis_has_lost_begins_anew(site: Site) -> None:
    one, other = site.start(), site.start()
    ada, bob = await Person().enter(one), await Person().enter(other)
    for text in "12":
        await ada.insist(text)
    await bob.hears("2")
    site.redis.kill()
    site.redis.start(lose=True)
    for person in (ada, bob):
        await person.hears("reset")
    await ada.insist("3")
    late = await Person().enter(other, after=ada.ids[0])
    await ada.insist("4")
    for person in (ada, bob, late):
        await person.hears("4")
    assert ada.heard == bob.heard == ["1", "2", "reset", "3", "4"]
    assert late.heard == ["reset", "3", "4"]
    assert len(ada.who) == 3


@scenario
async def test_a_redis_that_hangs_doubles_and_loses_nothing(site: Site) -> None:
    one, other = site.start(), site.start()
    people = [await Person().enter(service) for service in (one, one, other, other)]
    for number, person in enumerate(people):
        await person.insist(f"before {number}")
    site.redis.stop()
    stopped = time.monotonic()
    for number, person in enumerate(people):
        await person.say(f"unsure {number}")
    await until(lambda: [person.errors for person in people] == [["unavailable"]] * 4, 4)
    await asyncio.sleep(stopped + 4 - time.monotonic())
    site.redis.go_on()
    for number, person in enumerate(people):
        await person.insist(f"after {number}")
    for person in people:
        await person.hears("after 3")
        assert person.is_in
    assert_same(people)
    assert len(set(people[0].heard)) == len(people[0].heard)
    assert people[0].heard == kept(one)


@scenario
async def test_who_is_cut_off_for_longer_than_the_history_begins_anew(site: Site) -> None:
    more = {"WEBSOCKET_HISTORY": "500"}
    account = ["ACL", "SETUSER", "one", "on", ">secret", "~*", "&*", "+@all"]
    site.redis.cli(*account)
    one = site.start(REDIS_URL=site.redis.url.replace("//", "//one:secret@"), **more)
    other = site.start(**more)
    ada, bob = await Person().enter(one), await Person().enter(other)
    await bob.insist("first")
    await ada.hears("first")
    site.redis.cli("ACL", "SETUSER", "one", "off")
    site.redis.cli("CLIENT", "KILL", "USER", "one")
    texts = [*map(str, range(700)), "last"]
    for text in texts[:-1]:
        await bob.say(text)
    await bob.hears("699")
    await ada.say("lost")
    await until(lambda: ada.errors == ["unavailable"])
    site.redis.cli(*account)
    await ada.insist("last")
    late = await Person().enter(other, after=bob.ids[0])
    await late.hears("last")
    await bob.hears("last")
    assert bob.heard == ["first", *texts]
    assert ada.heard[:2] == ["first", "reset"]
    assert ada.heard[2:] in (texts[200:], texts[201:])
    assert late.heard == ["reset", *texts[201:]]


@scenario
async def test_those_of_a_stopped_process_get_all_when_it_goes_on(site: Site) -> None:
    stops, other = site.start(), site.start()
    ada, bob = await Person().enter(stops), await Person().enter(other)
    await bob.insist("first")
    await ada.hears("first")
    stops.process.send_signal(signal.SIGSTOP)
    for number in range(700):
        await bob.say(str(number))
    await bob.hears("699")
    stops.process.send_signal(signal.SIGCONT)
    await ada.hears("699")
    assert_same([ada, bob])
    assert len(ada.heard) == 701


@scenario
async def test_presence_follows_processes_that_die_stop_and_go_on(site: Site) -> None:
    dies, stops, stays = site.start(), site.start(), site.start()
    ada, bob, eve = [await Person().enter(service) for service in (dies, stops, stays)]
    await until(lambda: len(eve.who) == 3)
    stops.process.send_signal(signal.SIGSTOP)
    dies.process.kill()
    await until(lambda: len(eve.who) == 1, 13 + 5)  # the lease and a beat, on a busy machine
    stops.process.send_signal(signal.SIGCONT)
    await until(lambda: len(eve.who) == 2)
    await until(lambda: bob.who == eve.who)
    assert not ada.is_in


@scenario
async def test_nothing_is_left_of_two_thousand_who_came_and_went(site: Site) -> None:
    services = [site.start(), site.start()]
    await come_and_go(services, 200)
    before = [held(service) for service in services]
    await come_and_go(services, 2000)
    for service, then in zip(services, before, strict=True):
        now = held(service)
        assert now["fds"] <= then.pop("fds") + AT_ONCE, "but for connections kept for later"
        assert now.items() >= then.items()
    keys = site.redis.cli("KEYS", "*").split()
    assert sorted(key.split(":")[1] for key in keys) == ["changes", "process", "process"]


async def come_and_go(services: list[Started], number: int) -> None:
    """Let so many be there for a moment, each in one of 50 rooms on one of the processes."""

    async def guests(first: int) -> None:
        for n in range(first, number, AT_ONCE):
            person = await Person(f"room{n % 50}").enter(services[n // AT_ONCE % 2])
            await person.leave()

    await asyncio.gather(*(guests(first) for first in range(AT_ONCE)))


def held(service: Started) -> dict[str, int]:
    """What the process holds, when it has let go of what it can."""

    def now() -> dict[str, int]:
        probe: dict[str, int] = httpx.get(f"{service.url}/probe").json()
        return probe | {"fds": len(os.listdir(f"/proc/{service.process.pid}/fd"))}

    servers.await_(lambda: now()["rooms"] == 0, "that the rooms are empty")
    return now()
