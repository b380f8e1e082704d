"""A service on a Redis that sentinels watch over, and on a cluster."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.probing import add_probe, await_ready, get, heard, is_ready, log_in, remember, serving
from tests.processes import Started
from tests.servers import RedisServer, await_, redis_cluster, redis_server, sentinel

pytestmark = pytest.mark.xdist_group("redis addresses")


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_follows_the_sentinels_to_the_new_master(
    project: Path, python: Path, tmp_path: Path, end: str
) -> None:
    root = add_probe(project)
    with ExitStack() as stack:
        master = stack.enter_context(redis_server(tmp_path / "master"))
        of_master = ("--replicaof", "127.0.0.1", str(master.port))
        replica = stack.enter_context(redis_server(tmp_path / "replica", *of_master))
        watch = stack.enter_context(sentinel(tmp_path / "sentinel", master))
        url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{watch.port}/main/0"
        service = stack.enter_context(serving(python, root, url))
        await_ready(service)
        remember(service, *(f"before {number}" for number in range(20)), seconds=0.1)
        await_(lambda: "slaves=1" in watch.cli("INFO", "sentinel"), "a known replica")
        getattr(master, end)()
        where = ("SENTINEL", "get-master-addr-by-name", "main")
        await_(lambda: str(replica.port) in watch.cli(*where), "a failover")
        await_ready(service)
        keys = [f"after {number}" for number in range(20)]
        remember(service, *keys, seconds=0.1)
        assert {replica.cli("EXISTS", f"cache:{key}") for key in keys} == {"1"}


Clustered = tuple[list[RedisServer], list[Started]]


@pytest.fixture(scope="module")
def clustered(
    all_on: Path, python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clustered]:
    """A cluster, and two processes with everything on that use it."""
    folder = tmp_path_factory.mktemp("cluster")
    root = add_probe(copytree(all_on, folder / "project"))
    with redis_cluster(folder / "redis") as nodes, ExitStack() as stack:
        url = f"redis+cluster://127.0.0.1:1,127.0.0.1:{nodes[0].port}"
        yield nodes, [stack.enter_context(serving(python, root, url)) for _ in range(2)]


def keys(nodes: list[RedisServer], pattern: str) -> list[str]:
    return [key for node in nodes for key in node.cli("KEYS", pattern).splitlines()]


def test_a_cluster_serves_all_features(clustered: Clustered) -> None:
    nodes, (one, other) = clustered
    for service in (one, other):
        await_ready(service)
    names = [f"key {number}" for number in range(20)]
    assert [by for by, _ in remember(one, *names)] == [by for by, _ in remember(other, *names)]
    assert all(node.cli("KEYS", "cache:key*") for node in nodes)
    cookies = dict((client := log_in(one, "ada@example.com")).cookies)
    assert keys(nodes, "throttle:*")
    client.post("/auth/logout").raise_for_status()
    await_(lambda: len(heard(other)["ended"]) == 1, "the end of the session", 2)
    assert get(other, "/auth/me", cookies=cookies)[0].status_code == 401
    for service in (one, other):
        await_(lambda service=service: ticks(service) > 1, "a job's record", 5)  # type: ignore[misc]
    assert keys(nodes, "*jobs:*tick:*")


def ticks(service: Started) -> int:
    """How often the job that runs each second has gone well, on all processes."""
    jobs = get(service, "/health/jobs")[0].json()["jobs"]
    (job,) = (job for job in jobs if job["name"] == "tick")
    return int(job["runs"]) - int(job["failures"])


def test_one_node_that_hangs_is_told_and_bounds_all_others(clustered: Clustered) -> None:
    nodes, (service, _) = clustered
    await_ready(service)
    nodes[1].stop()
    try:
        assert not is_ready(service)
        asked = remember(service, *(f"hang {number}" for number in range(20)))
        assert max(seconds for _, seconds in asked) < 5
        assert get(service, "/hello")[1] < 0.5
    finally:
        nodes[1].go_on()
    await_ready(service)


def test_a_cluster_that_was_killed_is_found_again(clustered: Clustered) -> None:
    nodes, (service, _) = clustered
    await_ready(service)
    for node in nodes:
        node.kill()
    assert not is_ready(service)
    for node in nodes:
        node.start()
    up = "cluster_state:ok"
    await_(lambda: all(up in node.cli("CLUSTER", "INFO") for node in nodes), "the cluster")
    await_ready(service)


def test_a_message_passes_between_processes_in_two_rooms_at_once(clustered: Clustered) -> None:
    _, services = clustered
    for service in services:
        await_ready(service)
    client = log_in(services[0], "bob@example.com")
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    asyncio.run(asyncio.wait_for(pass_messages(services, cookie), 6))


async def pass_messages(services: list[Started], cookie: str) -> None:
    """Enter both rooms on both processes, say something on one, and hear it on the other."""
    pairs = {room: [await enter(s, room, cookie) for s in services] for room in ("red", "blue")}
    for room, (here, there) in pairs.items():
        await here.write_message(json.dumps({"type": "say", "text": f"in {room}"}))
        heard: dict[str, str] = {}
        while heard.get("type") != "message":
            heard = json.loads(await there.read_message() or "null")
        assert heard["text"] == f"in {room}"


async def enter(service: Started, room: str, cookie: str) -> WebSocketClientConnection:
    url = f"{service.url.replace('http', 'ws', 1)}/rooms/{room}/socket"
    return await websocket_connect(HTTPRequest(url, headers={"Cookie": cookie}))
