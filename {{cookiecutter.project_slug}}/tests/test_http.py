"""What every answer of the service has in common."""

import asyncio
import re
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

from app.handlers import HEADERS
from tests.conftest import Client, Start


async def test_says_hello(client: Client) -> None:
    assert (await client.get("/hello?name=Ada")).json() == {"message": "Hello, Ada!"}


async def test_tells_what_it_is(client: Client) -> None:
    told = (await client.get("/")).json()
    assert told["name"] == client.service.name
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["version"])
    assert told["features"] == client.service.feature_names


@pytest.mark.parametrize("path", ["/hello", "/nowhere", "/health/live"])
async def test_every_answer_has_the_security_headers_once(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers
    for name, value in HEADERS.items():
        assert headers.get_list(name) == [value]


@pytest.mark.parametrize("path", ["/hello", "/nowhere"])
async def test_every_answer_has_the_date(client: Client, path: str) -> None:
    for _ in range(2):
        date = parsedate_to_datetime((await client.get(path)).headers["Date"])
        assert abs(date.timestamp() - time.time()) < 2


async def test_strict_transport_is_said_over_https_only(start: Start) -> None:
    async with start(PUBLIC_URL="https://example.com") as client:
        answer = await client.get("/hello")
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    async with start() as client:
        assert "Strict-Transport-Security" not in (await client.get("/hello")).headers


async def test_an_error_is_a_problem_with_the_request_id(client: Client) -> None:
    answer = await client.get("/nowhere", headers={"X-Request-ID": "abcdefgh-1"})
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.headers["X-Request-ID"] == "abcdefgh-1"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
        "request_id": "abcdefgh-1",
    }


@pytest.mark.parametrize("given", ["short", "x" * 4096, "has space 1", "a" * 65])
async def test_a_request_id_that_could_do_harm_is_replaced(client: Client, given: str) -> None:
    answer = await client.get("/hello", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])


async def test_a_wrong_method_is_told_the_right_ones(client: Client) -> None:
    answer = await client.delete("/hello")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (await client.options("/hello")).headers["Allow"] == "GET, HEAD, OPTIONS"


async def test_head_has_the_headers_of_get_and_no_body(client: Client) -> None:
    head, get = await client.head("/hello"), await client.get("/hello")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "a:b", "[::", "x" * 300])
async def test_a_foreign_host_is_refused(client: Client, host: str) -> None:
    assert (await client.get("/hello", headers={"Host": host})).status_code in (400, 421)


async def test_the_log_holds_nothing_that_a_terminal_obeys(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"GET /x\x85y\x9b31m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 404")
    writer.close()
    assert "GET /x\\x85y\\x9b31m 404" in capsys.readouterr().out


async def test_a_request_from_another_site_is_refused(client: Client) -> None:
    origins = [{"Origin": origin} for origin in ("https://evil.example", "null", "http://[")]
    for headers in (*origins, {"Sec-Fetch-Site": "cross-site"}):
        assert (await client.post("/hello", headers=headers)).status_code == 403
    assert (await client.post("/hello")).status_code == 405


async def test_a_body_over_the_limit_is_refused(client: Client) -> None:
    try:
        answer = await client.post("/hello", content=b"x" * (1024 * 1024 + 1))
    except httpx.TransportError:
        return  # closed before all was sent
    assert answer.status_code in (400, 413)
