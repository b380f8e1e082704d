"""How often a password can be tried."""

from pathlib import Path

import httpx

from tests.nginx.fixtures import Up, running

COUNTED = ("login/code", "again", "forgot", "register", "passkeys/login", "reset", "password")
"""What guesses or sends mails, besides."""


def test_a_flood_of_logins_is_stopped_before_the_service(echo: Up) -> None:
    with httpx.Client(base_url=echo.url) as client:
        answers = [client.post("/auth/login", json={}) for _ in range(20)]
        pages = [client.get("/auth/login").status_code for _ in range(20)]
        others = [[client.post(f"/auth/{p}").status_code for _ in range(2)] for p in COUNTED]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:10] == [200] * 10
    assert statuses[-1] == 429
    assert answers[-1].headers["Content-Type"].startswith("application/problem+json")
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert answers[-1].json()["request_id"] == answers[-1].headers["X-Request-ID"]
    assert set(pages) == {200}
    assert all(429 in of_one for of_one in others)


def test_the_token_of_a_link_is_in_no_log(stand_in: Path, temporary: Path) -> None:
    with running(stand_in, WORKERS="1", TMPDIR=str(temporary)) as up:
        next(temporary.glob("*/1.sock")).unlink()
        for path in ("reset", "confirm", "email/confirm", "oidc/one/callback"):
            assert httpx.get(f"{up.url}/auth/{path}?token=s3cret").status_code == 502
        assert httpx.get(f"{up.url}/hello?name=told").status_code == 502
        up.wait_for_line("name=told")
    assert not [line for line in up.lines if "s3cret" in line]
