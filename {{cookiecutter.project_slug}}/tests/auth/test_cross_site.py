"""No other site has a browser do anything with an account (OWASP, cross-site request forgery)."""

import pytest

from app import auth
from tests.auth.people import is_logged_in, join, login
from tests.conftest import Client

KNOWN = ((path.replace("([0-9a-f]{32})", "f" * 32), path) for path, _ in auth.ROUTES)
PATHS = sorted({name for name, path in KNOWN if "[A-Z" not in path})
BODIES = [
    ("application/json", b"{}"),
    ("application/x-www-form-urlencoded", b"a=b"),
    ("text/plain", b"{}"),
    ("multipart/form-data; boundary=x", b"--x--\r\n"),
]
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(("kind", "body"), BODIES)
async def test_what_another_site_sends_is_refused(
    client: Client, kind: str, body: bytes, headers: dict[str, str]
) -> None:
    await join(client)
    await login(client)
    sent = headers | {"Content-Type": kind}
    for path in PATHS:
        name = path.replace("([a-z][a-z0-9-]*)", "one")
        answer = await client.post(name, content=body, headers=sent)
        assert answer.status_code == 403, name
    assert await is_logged_in(client)


async def test_a_method_is_not_another_one_by_a_header(client: Client) -> None:
    await join(client)
    await login(client)
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        await client.post("/auth/me", json={"_method": "DELETE"}, headers={name: "DELETE"})
    assert await is_logged_in(client)
