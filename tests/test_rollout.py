"""Restarts under load: no request fails, none runs twice, none that was acknowledged is missing."""

import asyncio
import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import servers
from tests.chat import Person, scenario, until
from tests.combinations import bake
from tests.conftest import clean_environment
from tests.effects import CLIENTS, Effects, Load, add_probe
from tests.processes import Started, started

ROUNDS = 3
RESTARTED = "all instances are restarted"
PROXY = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, "nginx")
from processes import Proxy

async def main(folder, address, *sockets):
    proxy = Proxy(Path(folder), "nginx", address, "127.0.0.1", list(map(Path, sockets)))
    await proxy.start()
    print("proxy serves", flush=True)
    await proxy.watch()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project behind nginx, with rooms on Redis, whose requests can be slow."""
    servers.needed("nginx")
    root = bake(frozenset({"nginx", "redis", "websocket"}), tmp_path_factory.mktemp("rollout"))
    add_probe(root)
    return root


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@contextmanager
def up(root: Path, python: Path, effects: Path, redis: str) -> Iterator[Started]:
    """A running `nginx/up`."""
    url = f"http://127.0.0.1:{servers.free_port()}"
    environment = clean_environment(
        PATH=f"{python.parent}:{os.environ['PATH']}:/usr/sbin",
        PORT=url.rpartition(":")[2],
        REDIS_URL=redis,
        EFFECTS=str(effects),
    )
    with started([str(python), "nginx/up"], root, environment, says=url) as process:
        process.url = url
        try:
            yield process
        finally:
            process.process.terminate()
            process.process.wait(60)


@pytest.fixture
def site(root: Path, python: Path, tmp_path: Path, redis: str) -> Iterator[Started]:
    with up(root, python, tmp_path / "effects", redis) as site:
        yield site


async def restarted(site: Started, rounds: int) -> None:
    await until(lambda: sum(RESTARTED in line for line in list(site.log)) == rounds, 60)


def pids(site: Started, number: int) -> list[int]:
    found = re.findall(rf"instance {number} is ready \(pid (\d+)\)", "".join(list(site.log)))
    return list(map(int, found))


class Guest(Person):
    """Somebody who is in a room, and comes back whenever the socket is closed."""

    async def stay(self, site: Started) -> None:
        while True:
            await until(lambda: not self.is_in, 120)
            await self.enter(site, after=self.ids[-1])


@asynccontextmanager
async def guests(site: Started) -> AsyncIterator[list[Guest]]:
    """Some of them, who have heard something."""
    people = [await Guest().enter(site) for _ in range(4)]
    await people[0].insist("welcome")
    for each in people:
        await each.hears("welcome")
    tasks = [asyncio.create_task(each.stay(site)) for each in people]
    yield people
    for task in tasks:
        assert not task.done(), task.exception()
        task.cancel()


def nothing_was_lost(load: Load, effects: Effects) -> None:
    assert load.failed == {}
    assert effects.twice == []
    assert effects.begun.keys() == effects.done == load.acknowledged
    assert len(load.acknowledged) > 3 * CLIENTS


@scenario
async def test_three_rolling_restarts_lose_nothing(site: Started, tmp_path: Path) -> None:
    async with guests(site) as people:
        with Load(site.url) as load:
            for round in range(1, ROUNDS + 1):
                site.process.send_signal(signal.SIGHUP)
                await restarted(site, round)
                await until(lambda: all(each.is_in for each in people))
                await people[0].insist(f"round {round}")
        for each in people:
            await each.hears(f"round {ROUNDS}")
    nothing_was_lost(load, Effects(tmp_path / "effects"))
    said = ["welcome", *(f"round {round}" for round in range(1, ROUNDS + 1))]
    for each in people:
        assert each.heard == said
        assert len(each.codes) >= ROUNDS
        assert set(each.codes) == {1001}


def test_a_rollout_of_what_systemd_runs_loses_nothing(
    root: Path, python: Path, tmp_path: Path, redis: str
) -> None:
    effects = tmp_path / "effects"
    settings = {"PUBLIC_URL": "http://127.0.0.1", "SECRET_KEY": "k" * 40, "REDIS_URL": redis}
    lines = [f"{name}={value}\n" for name, value in {**settings, "EFFECTS": effects}.items()]
    with (
        tempfile.TemporaryDirectory() as folder,
        its_own(root).units(root, Path(folder), "".join(lines), str(python)) as units,
        proxy(root, Path(folder), python) as url,
        Load(url) as load,
    ):
        servers.await_(lambda: load.sent > CLIENTS, "some requests")
        with units.rollout() as rollout:
            said, _ = rollout.communicate(timeout=60)
    assert said.endswith(f"nginx/rollout: {RESTARTED}\n"), said
    nothing_was_lost(load, Effects(effects))


def its_own(root: Path) -> Any:
    """The module with the stand-in for systemd that the project's own tests have."""
    spec = spec_from_file_location("units", root / "tests/nginx/units.py")
    assert spec
    assert spec.loader
    spec.loader.exec_module(module := module_from_spec(spec))
    return module


@contextmanager
def proxy(root: Path, folder: Path, python: Path) -> Iterator[str]:
    """The project's nginx before the instances of this folder; gives its address."""
    (folder / "nginx").mkdir()
    address = f"127.0.0.1:{servers.free_port()}"
    sockets = [str(folder / f"{number}.sock") for number in (1, 2)]
    command = [str(python), "-c", PROXY, str(folder / "nginx"), address, *sockets]
    environment = clean_environment(PATH=f"{os.environ['PATH']}:/usr/sbin")
    with started(command, root, environment, says="proxy serves") as process:
        try:
            yield f"http://{address}"
        finally:
            pid = int((folder / "nginx/nginx.pid").read_text())
            os.kill(pid, signal.SIGQUIT)
            process.process.wait(30)


def test_with_a_killed_process_only_what_it_was_doing_fails(site: Started, tmp_path: Path) -> None:
    with Load(site.url) as load:
        servers.await_(lambda: load.sent > CLIENTS, "some requests")
        (killed,) = pids(site, 1)
        os.kill(killed, signal.SIGKILL)
        servers.await_(lambda: len(pids(site, 1)) == 2, "another process")
        again = load.sent
        servers.await_(lambda: load.sent > again + 2 * CLIENTS, "more requests")
    effects = Effects(tmp_path / "effects")
    doing = {id for id, pid in effects.begun.items() if pid == killed} - effects.done
    unread = load.failed.keys() - effects.begun.keys()
    assert load.failed.keys() == doing | unread
    assert 0 < len(load.failed) <= CLIENTS
    assert set(load.failed.values()) == {"502"}
    assert effects.twice == []
    assert effects.done == load.acknowledged
    assert pids(site, 1)[1] in effects.begun.values()


def test_what_is_under_way_at_the_end_is_answered(site: Started, tmp_path: Path) -> None:
    with Load(site.url) as load:
        servers.await_(lambda: load.sent > CLIENTS, "some requests")
        site.process.terminate()
        assert site.process.wait(60) == 0
    effects = Effects(tmp_path / "effects")
    assert effects.begun.keys() == effects.done == load.acknowledged
    assert effects.twice == []


def test_an_upload_that_has_begun_at_the_end_is_answered(site: Started) -> None:
    with begun_upload(site) as client:
        site.process.terminate()
        servers.await_(lambda: any("stopping" in line for line in list(site.log)), "the end")
        time.sleep(1.5)  # an instance that has nothing under way would have ended
        client.sendall(b"late")
        assert b" 405 " in client.makefile("rb").readline()
    assert site.process.wait(60) == 0


def begun_upload(site: Started) -> socket.socket:
    """A connection on which half of a body was sent."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)), 30)
    client.sendall(b"POST /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n\r\nsoon")
    return client


def test_requests_leave_a_process_that_hangs(python: Path, tmp_path: Path, redis: str) -> None:
    root = bake(frozenset({"nginx"}), tmp_path)
    conf = root / "nginx/nginx.conf"
    shorter = conf.read_text().replace("proxy_read_timeout 20s", "proxy_read_timeout 1s")
    conf.write_text(shorter)
    with up(root, python, tmp_path / "effects", redis) as site:
        (hanging,) = pids(site, 1)
        os.kill(hanging, signal.SIGSTOP)
        try:
            answers = [httpx.get(f"{site.url}/hello", timeout=30) for _ in range(4)]
        finally:
            os.kill(hanging, signal.SIGCONT)
    assert {answer.status_code for answer in answers} == {200}
