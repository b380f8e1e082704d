"""Liveness, readiness and metrics."""

import asyncio

from tornado.web import RequestHandler

from tests.conftest import Client, Start


async def fail() -> None:
    raise OSError("an address that nobody should see")


async def hang() -> None:
    await asyncio.sleep(60)


async def test_is_alive_whatever_the_dependencies_do(client: Client) -> None:
    client.service.checks["broken"] = fail
    assert (await client.get("/health/live")).json() == {"status": "ok"}


async def test_is_ready_when_everything_answers(client: Client) -> None:
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def test_is_not_ready_without_a_dependency_and_says_which(client: Client) -> None:
    client.service.checks |= {"broken": fail, "hanging": hang}
    answer = await asyncio.wait_for(client.get("/health/ready"), 1.0)
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert (checks["broken"], checks["hanging"]) == ("unreachable", "timeout")
    assert "address" not in answer.text


async def test_is_not_ready_while_draining_and_lets_connections_go(client: Client) -> None:
    client.service.drain()
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert answer.headers["Connection"] == "close"


async def test_an_answer_that_was_under_way_lets_its_connection_go_too(client: Client) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        began.set()
        await go_on.wait()

    client.service.checks["slow"] = slow
    asking = asyncio.create_task(client.get("/health/ready"))
    await began.wait()
    client.service.drain()
    go_on.set()
    assert (await asking).headers["Connection"] == "close"


async def test_probes_ask_nobody_who_they_are(client: Client) -> None:
    async def away(handler: RequestHandler) -> None:
        raise OSError("where that is kept")

    client.service.identify = away
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert (await client.get(path, headers={"Accept": "text/html"})).status_code == 200


async def test_probes_come_by_any_host_name(client: Client) -> None:
    assert (await client.get("/health/live", headers={"Host": "10.0.0.1"})).status_code == 200


async def test_counts_requests(start: Start) -> None:
    async with start() as client:
        await client.get("/hello")
        metrics = (await client.get("/metrics")).text
    assert 'http_requests_total{handler="Hello",method="GET",status="200"}' in metrics
