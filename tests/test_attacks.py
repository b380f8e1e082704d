"""Attacks by raw bytes, each on one process and through nginx: all are refused, at little cost."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests import servers
from tests.attacking import Target, prepare, statuses, target
from tests.attacks import (
    AFTER,
    BOMBS,
    FORM,
    HOST,
    HOSTS,
    MEGABYTE,
    PATHS,
    REQUEST_IDS,
    SMUGGLING,
    arguments,
    parts,
    request,
    smuggling,
)

pytestmark = pytest.mark.xdist_group("attacks")

TOLD = r"Traceback|secret|ValueError|ZeroDivision|\.py\b|/tmp|(?i:tornado|python|nginx)/?\d"
"""What an answer to an error may not hold."""


@pytest.fixture(scope="module")
def prepared(home: Path) -> Path:
    return prepare(home)


@pytest.fixture(scope="module", params=["direct", "nginx"])
def attacked(request: pytest.FixtureRequest, prepared: Path, python: Path) -> Iterator[Target]:
    servers.needed("nginx")
    with target(request.param, prepared, python) as found:
        yield found


def one_answer(attacked: Target, request: bytes) -> None:
    """The request has one answer, and what follows, here or elsewhere, gets its own."""
    before = attacked.served
    answers = attacked.answer(request + AFTER)
    assert b"Hello, smuggled" not in answers
    first, *others = statuses(answers)
    if first == 200:
        assert b'"body":"abcd"' in answers
    else:
        assert first in (400, 405, 408, 413, 501)
    assert others in ([], [200])
    assert len(others) == answers.count(b"Hello, after!")
    for name in ("one", "other"):
        attacked.hello(name)
    assert attacked.served == before + len(others) + 2


@pytest.mark.parametrize("how", SMUGGLING)
def test_no_request_is_smuggled_in_another(attacked: Target, how: str) -> None:
    one_answer(attacked, smuggling(how))


@pytest.mark.parametrize("newline", [b"\n", b"\r\r\n", b"\r"])
def test_lines_end_in_one_way(attacked: Target, newline: bytes) -> None:
    """Or in both that are read alike: a bare line feed is one (RFC 9112, 2.2)."""
    lines = [b"POST /echo HTTP/1.1", HOST.strip(), b"Content-Type: " + FORM.encode()]
    one_answer(attacked, newline.join([*lines, b"Content-Length: 4", b"", b"abcd"]))


@pytest.mark.parametrize("how", ["header", "body", "read"])
def test_slow_clients_are_cut_off_while_others_are_served(attacked: Target, how: str) -> None:
    begun = {
        "header": b"GET /hello HTTP/1.1\r\n" + HOST,
        "body": b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\nabcd",
        "read": b"GET /static/large.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    }[how]
    with ExitStack() as stack:
        clients = [stack.enter_context(attacked.connect(window=4096)) for _ in range(20)]
        for client in clients:
            client.sendall(begun)
        attacked.hello("meanwhile")

        def all_are_cut_off() -> bool:
            for client in clients if how == "header" else ():
                with suppress(OSError):
                    client.send(b"X-Slow: yes\r\n")
            return attacked.connections == 0

        servers.await_(all_are_cut_off, "the end of the slow ones", 20)
    attacked.hello("afterwards")


@pytest.mark.parametrize("how", BOMBS)
def test_a_body_that_would_fill_the_memory_is_refused(attacked: Target, how: str) -> None:
    bomb, before = BOMBS[how](), attacked.resident
    for _ in range(3):
        assert attacked.status(bomb) in (400, 413, None)  # none where it was cut off in the middle
    assert attacked.resident - before < 16 * MEGABYTE
    attacked.hello("afterwards")


def test_as_many_parts_and_arguments_as_allowed_are_taken(attacked: Target) -> None:
    """Else the test above would not tell a limit from a fault."""
    for form in (parts(99), arguments(1000)):
        assert attacked.status(form) == 200


@pytest.mark.parametrize("lines", HOSTS)
def test_only_our_own_host_is_served(attacked: Target, lines: str) -> None:
    head = f"GET {lines}\nConnection: close\n\n".replace("\n", "\r\n")
    answer = attacked.answer(head.encode())
    assert statuses(answer)
    assert set(statuses(answer)) <= {400, 404, 421}
    assert b"Hello" not in answer


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "hello", "PROPFIND"])
def test_methods_that_nobody_needs_are_refused(attacked: Target, method: str) -> None:
    answer = attacked.answer(request(f"{method} /hello", b"X-Secret: s3cret"))
    assert statuses(answer)[0] in (400, 405, 501)
    assert b"s3cret" not in answer


def test_a_method_is_what_the_first_line_says(attacked: Target) -> None:
    form = [f"Content-Type: {FORM}".encode(), b"Content-Length: 11", b"", b"_method=GET"]
    for name in (b"X-HTTP-Method-Override", b"X-HTTP-Method", b"X-Method-Override"):
        answer = attacked.answer(request("POST /hello", name + b": GET", *form))
        assert statuses(answer) == [405]


def test_no_other_site_may_read_an_answer(attacked: Target) -> None:
    asked = [b"Access-Control-Request-Method: POST", b"Access-Control-Request-Headers: x-a"]
    for origin in (b"Origin: https://evil.example", b"Origin: null"):
        for line in ("OPTIONS /hello", "GET /hello", "OPTIONS /nowhere"):
            answer = attacked.answer(request(line, origin, *asked))
            assert len(statuses(answer)) == 1
            assert not re.search(rb"(?i)access-control|evil", answer)


@pytest.mark.parametrize("given", REQUEST_IDS)
def test_a_request_id_adds_nothing_to_an_answer(attacked: Target, given: bytes) -> None:
    head, *_ = attacked.answer(request("GET /hello", b"X-Request-ID: " + given)).split(b"\r\n\r\n")
    ids = re.findall(rb"(?i)\r\nx-request-id: ([^\r]*)", head)
    assert not [each for each in ids if not re.fullmatch(rb"[0-9a-f]{16,32}|abcdefgh", each)]
    assert len(ids) <= 1
    assert b"Set-Cookie" not in head


@pytest.mark.parametrize("path", PATHS.split())
def test_no_path_leads_out_of_the_static_files(attacked: Target, path: str) -> None:
    answer = attacked.answer(request(f"GET /static/{path}"))
    assert statuses(answer)
    assert set(statuses(answer)) <= {400, 403, 404}
    assert b"[project]" not in answer


@pytest.mark.parametrize("where", ["handler", "prepare", "template"])
def test_an_error_tells_nothing_but_the_number_of_the_request(attacked: Target, where: str) -> None:
    answer = httpx.get(f"{attacked.url}/broken/{where}", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert not re.search(TOLD, f"{answer.text}{answer.headers}")
    assert answer.headers["X-Request-ID"] in answer.text
    attacked.await_logged("unhandled error", answer.headers["X-Request-ID"])


def test_an_error_of_a_socket_tells_nothing(attacked: Target) -> None:
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + HOST + key
    answer = attacked.answer(b"GET /rooms/broken/socket HTTP/1.1\r\n" + upgrade + b"\r\n\r\n")
    assert statuses(answer) == [101]
    assert not re.search(TOLD, answer.decode("latin1"))
