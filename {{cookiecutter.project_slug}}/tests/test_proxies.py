"""Who asks where proxies stand in between: nobody but a trusted proxy can say who it is."""

import httpx
import pytest
from tornado.web import RequestHandler

from app.main import create_service
from app.server import listen, listening
from tests.conftest import Client, Start

FORGED = {
    "X-Real-IP": "203.0.113.9",
    "X-Forwarded-For": "203.0.113.9",
    "X-Scheme": "https",
    "X-Forwarded-Proto": "https",
    "Forwarded": "for=203.0.113.9;proto=https",
}
HERE = "127.0.0.1"


class Who(RequestHandler):
    """Tells what the service knows of who asks."""

    def get(self) -> None:
        self.write({"address": self.request.remote_ip, "scheme": self.request.protocol})


async def seen(client: Client, headers: dict[str, str]) -> tuple[str, str]:
    client.service.add_handlers(".*", [("/who", Who)])
    answer = (await client.get("/who", headers=headers)).json()
    return answer["address"], answer["scheme"]


@pytest.mark.parametrize("trusted", ["", "10.0.0.0/8,::1"])
async def test_whoever_is_not_trusted_forges_nothing(start: Start, trusted: str) -> None:
    async with start(TRUSTED_PROXIES=trusted) as client:
        assert await seen(client, FORGED) == (HERE, "http")


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, 10.0.0.1,127.0.0.2", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, ::ffff:10.0.0.1", "198.51.100.7"),
        ("10.0.0.2, 10.0.0.1", "10.0.0.2"),
        ("203.0.113.9, unknown, 10.0.0.1", "10.0.0.1"),
        ("", HERE),
        ("<script>", HERE),
    ],
)
async def test_a_trusted_proxy_says_who_asks(start: Start, told: str, address: str) -> None:
    async with start(TRUSTED_PROXIES="127.0.0.0/8, 10.0.0.0/8") as client:
        assert (await seen(client, FORGED | {"X-Forwarded-For": told}))[0] == address


@pytest.mark.parametrize(
    ("told", "scheme"), [("https", "https"), ("https, http", "http"), ("ftp", "http"), ("", "http")]
)
async def test_a_trusted_proxy_says_the_scheme(start: Start, told: str, scheme: str) -> None:
    async with start(TRUSTED_PROXIES=HERE) as client:
        assert (await seen(client, FORGED | {"X-Forwarded-Proto": told}))[1] == scheme


async def test_headers_that_pass_some_proxies_untouched_say_nothing(start: Start) -> None:
    forged = {name: FORGED[name] for name in ("X-Real-IP", "X-Scheme", "Forwarded")}
    async with start(TRUSTED_PROXIES=HERE) as client:
        assert await seen(client, forged) == (HERE, "http")


async def test_whoever_may_open_the_socket_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIX_SOCKET", "here.sock")
    service = create_service()
    service.add_handlers(".*", [("/who", Who)])
    socket = httpx.AsyncHTTPTransport(uds="here.sock")
    async with listening(service, listen(service.config)), httpx.AsyncClient(transport=socket) as c:
        answer = (await c.get("http://localhost/who", headers=FORGED)).json()
    assert answer == {"address": "203.0.113.9", "scheme": "https"}
