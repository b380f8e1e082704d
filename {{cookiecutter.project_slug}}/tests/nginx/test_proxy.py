"""What nginx adds to the service, and what it keeps to itself."""

import re
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import orjson
import pytest

from app.handlers import HEADERS
from tests.nginx.fixtures import ROOT, SECONDS, Up, running

FORGED = {
    "X-Real-IP": "203.0.113.1",
    "X-Forwarded-For": "203.0.113.1",
    "X-Forwarded-Proto": "https",
    "X-Scheme": "https",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=203.0.113.1;host=evil.example;proto=https",
    "Proxy": "http://evil.example",
    "X-Request-ID": "forged-request-id",
}


def logged(up: Up, event: str, request_id: str) -> dict[str, object]:
    """The line of this event about this request."""
    wanted = f'"{request_id}"'
    up.wait_for(lambda lines: any(f'"{event}"' in line and wanted in line for line in lines))
    line = next(line for line in up.lines if f'"{event}"' in line and wanted in line)
    return dict(orjson.loads(line))


def test_the_service_answers_through_nginx(proxied: httpx.Client) -> None:
    assert proxied.get("/hello?name=Ada").json() == {"message": "Hello, Ada!"}


def test_one_request_id_is_in_the_answer_and_in_both_logs(up: Up, proxied: httpx.Client) -> None:
    answer = proxied.get("/hello?secret=1", headers=FORGED)
    (request_id,) = answer.headers.get_list("X-Request-ID")
    assert request_id != FORGED["X-Request-ID"]
    outside, inside = (logged(up, event, request_id) for event in ("proxied", "request"))
    assert outside["address"] == inside["address"] == "127.0.0.1"
    assert outside["path"] == inside["path"] == "/hello"
    assert (outside["method"], outside["status"]) == ("GET", 200)


def test_no_client_can_forge_what_the_service_is_told(echo: Up) -> None:
    told = httpx.get(echo.url, headers=FORGED | {"Host": "example.com:81"}).json()
    names = [name.lower() for name, _ in told]
    headers = {name.lower(): value for name, value in told}
    assert len(names) == len(headers)
    assert (headers["x-real-ip"], headers["x-forwarded-for"]) == ("127.0.0.1", "127.0.0.1")
    assert (headers["x-forwarded-proto"], headers["x-scheme"]) == ("http", "http")
    assert headers["host"] == "example.com:81"
    assert headers["x-request-id"] != FORGED["X-Request-ID"]
    assert not {"x-forwarded-host", "forwarded", "proxy", "connection"} & set(names)


@pytest.mark.parametrize(
    "path", ["/metrics", "/health/ready", "//metrics", "/%6detrics", "/x/../health/ready"]
)
def test_what_is_for_operators_is_not_shown(up: Up, path: str) -> None:
    with httpx.Client() as client:
        answer = client.send(client.build_request("GET", httpx.URL(up.url, raw_path=path.encode())))
    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_liveness_is_shown(proxied: httpx.Client) -> None:
    assert proxied.get("/health/live").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/hello", "/nowhere", "/metrics"])
def test_security_headers_are_said_once_by_whoever_answers(
    proxied: httpx.Client, path: str
) -> None:
    headers = proxied.get(path).headers
    for name, value in (HEADERS | {"Server": "nginx"}).items():
        assert headers.get_list(name) == [value]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.2", "x" * 300])
def test_a_foreign_host_is_refused_before_the_service(proxied: httpx.Client, host: str) -> None:
    answer = proxied.get("/hello", headers={"Host": host})
    assert (answer.status_code, answer.headers["Server"]) == (421, "nginx")
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_in_development_the_machine_goes_by_its_own_names(proxied: httpx.Client) -> None:
    for host in ("localhost", "[::1]:8080"):
        assert proxied.get("/hello", headers={"Host": host}).status_code == 200


def test_a_body_over_the_limit_is_a_problem(up: Up, proxied: httpx.Client) -> None:
    answer = proxied.post("/hello", content=b"x" * (1024 * 1024 + 1))
    assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Content Too Large",
        "status": 413,
        "detail": "Content Too Large",
        "request_id": answer.headers["X-Request-ID"],
    }
    assert logged(up, "proxied", answer.headers["X-Request-ID"])["method"] == "POST"


def test_a_header_over_the_limit_is_a_problem(proxied: httpx.Client) -> None:
    answer = proxied.get("/hello", headers={"X-Long": "x" * 10_000})
    assert (answer.status_code, answer.json()["status"]) == (431, 431)


def test_one_address_has_so_many_requests_under_way_and_no_more(echo: Up) -> None:
    found = re.search(r"limit_conn clients (\d+);", (ROOT / "nginx/limits.conf").read_text())
    assert found
    address = ("127.0.0.1", int(echo.url.rpartition(":")[2]))
    with ExitStack() as stack:
        for _ in range(int(found[1])):
            client = stack.enter_context(socket.create_connection(address))
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        await_status(echo, 429)
    await_status(echo, 200)


def await_status(up: Up, status: int) -> None:
    deadline = time.monotonic() + SECONDS
    while httpx.get(up.url).status_code != status:
        assert time.monotonic() < deadline


def test_a_service_that_is_away_is_a_problem(stand_in: Path, temporary: Path) -> None:
    with running(stand_in, WORKERS="1", TMPDIR=str(temporary)) as up:
        next(temporary.glob("*/1.sock")).unlink()
        answer = httpx.get(up.url)
    assert (answer.status_code, answer.json()["title"]) == (502, "Bad Gateway")
