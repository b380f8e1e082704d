"""The server's site as it is on the internet: TLS, HTTP/2, one scheme, no names but ours."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.handlers import HSTS
from tests.conftest import Start
from tests.nginx.fixtures import program
from tests.nginx.site import NAME, Installed


@pytest.fixture
async def site(nginx: str, start: Start, tmp_path: Path) -> AsyncIterator[Installed]:
    """nginx as on a server, and the service behind it."""
    async with start(PUBLIC_URL=f"https://{NAME}") as service:
        address = service.base_url.netloc.decode()
        with Installed("site", tmp_path, service=address).running() as site:
            yield site


async def ask(
    site: Installed, path: str, scheme: str = "https", host: str = NAME, sni: str = NAME
) -> httpx.Response:
    port = site.ports["443" if scheme == "https" else "80"]
    async with httpx.AsyncClient(verify=site.trust) as client:
        return await client.get(
            f"{scheme}://127.0.0.1:{port}{path}",
            headers={"Host": host},
            extensions={"sni_hostname": sni},
        )


async def test_http_2_is_spoken(site: Installed) -> None:
    port = site.ports["443"]
    trust = ["--cacert", f"{site.folder}/ca.pem", "--resolve", f"{NAME}:{port}:127.0.0.1"]
    process = await asyncio.create_subprocess_exec(
        program("curl"), "-s", "--http2", "-w", " %{http_version}", *trust,
        f"https://{NAME}:{port}/hello?name=Ada", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert out.decode() == '{"message":"Hello, Ada!"} 2'


async def test_plain_http_leads_to_https(site: Installed) -> None:
    answer = await ask(site, "/hello?name=Ada", "http")
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{NAME}/hello?name=Ada"
    challenge = await ask(site, "/.well-known/acme-challenge/none", "http")
    assert challenge.status_code == 404


async def test_prometheus_finds_the_metrics_on_this_machine(site: Installed) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.ports['9101']}") as client:
        assert "http_requests_total" in (await client.get("/metrics")).text
        assert (await client.get("/hello")).status_code == 404


async def test_strict_transport_is_said_once_by_whoever_answers(site: Installed) -> None:
    for path, status in {"/hello": 200, "/nowhere": 404, "/metrics": 404, "/%00": 400}.items():
        answer = await ask(site, path)
        assert (answer.status_code, answer.headers.get_list("Strict-Transport-Security")) == (
            status,
            [HSTS],
        )
    assert "Strict-Transport-Security" not in (await ask(site, "/", "http")).headers


async def test_a_stranger_is_refused_before_the_service(site: Installed) -> None:
    for scheme in ("http", "https"):
        answer = await ask(site, "/hello", scheme, host="evil.example")
        assert (answer.status_code, answer.json()["title"]) == (421, "Misdirected Request")
    for name in ("evil.example", "127.0.0.1"):  # the second is not said: an address is no name
        with pytest.raises(httpx.ConnectError, match="UNRECOGNIZED_NAME"):
            await ask(site, "/hello", sni=name)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_and_ciphers_of_tls_are_refused(site: Installed) -> None:
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        await asyncio.to_thread(session, site, ssl.TLSVersion.TLSv1_1, "ALL")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        await asyncio.to_thread(session, site, ssl.TLSVersion.TLSv1_2, "ALL:!AESGCM:!CHACHA20")
    assert await asyncio.to_thread(session, site, ssl.TLSVersion.TLSv1_3, "ALL")


async def test_a_session_has_no_ticket(site: Installed) -> None:
    found = await asyncio.to_thread(session, site, ssl.TLSVersion.TLSv1_2, "ALL")
    assert (bool(found.id), found.has_ticket) == (True, False)


def session(site: Installed, version: ssl.TLSVersion, ciphers: str) -> ssl.SSLSession:
    """Of a connection by this version and these ciphers alone."""
    context = site.trust
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", site.ports["443"])) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as secure,
    ):
        assert secure.session
        return secure.session
