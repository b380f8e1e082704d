"""The life of an account on two processes that share a database, by JSON and by forms.

Each request goes to the other process than the one before, so what one has changed the other must
know; what a change ends is over on both within two seconds.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.conftest import clean_environment
from tests.probing import PASSWORD, PLAIN
from tests.processes import Started, started
from tests.servers import await_, postgres, redis

SECONDS = 2.0
"""How long what has ended may still be taken."""
NEW, NEWER = "another good pass phrase", "and one more of them"


class Person:
    """A browser or a program whose requests go to one process and the other in turn."""

    def __init__(self, services: list[Started], form: bool) -> None:
        self.services, self.form, self.turn = services, form, 0
        self.client = httpx.Client(timeout=15, verify=PLAIN)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.turn += 1
        url = self.services[self.turn % 2].url
        return self.client.request(method, url + path, **more)

    def do(self, path: str, **fields: Any) -> httpx.Response:
        """Send the fields as this person does; it must be taken."""
        if self.form:
            answer = self.ask("POST", path, data=fields, headers={"Accept": "text/html"})
        else:
            answer = self.ask("POST", path, json=fields)
        assert answer.status_code in (200, 201, 202, 204, 303), (path, answer.text)
        assert "/again" not in answer.headers.get("Location", ""), path
        return answer

    def end(self, path: str, **fields: Any) -> None:
        """What JSON deletes, a form posts to."""
        if self.form:
            self.do(f"{path}/delete", **fields)
        else:
            assert self.ask("DELETE", path, json=fields).status_code == 204, path

    def known(self) -> list[bool]:
        """Whether each of the processes knows who this is."""
        return [self.ask("GET", "/auth/me").status_code == 200 for _ in self.services]

    def listed(self, what: str) -> list[dict[str, Any]]:
        return list(self.ask("GET", f"/auth/{what}").json()[what])

    def mailed(self, to: str) -> str:
        """The token in the newest mail to the address, whichever process has sent it."""
        mails = [m for s in self.services for m in self.client.get(f"{s.url}/dev/mail").json()]
        (newest, *_) = (t for t in map(str, mails) if f"'{to}'" in t and "token=" in t)
        (token, *_) = re.findall(r"token=([\w-]+)", newest)
        return str(token)


@pytest.fixture(params=["memory", "servers"])
def services(
    request: pytest.FixtureRequest, home: Path, python: Path, tmp_path: Path
) -> Iterator[list[Started]]:
    """Two processes, with SQLite and memory or with PostgreSQL and Redis."""
    variables = {"PORT": "0", "LOG_FORMAT": "json", "DRAIN_SECONDS": "0", "SECRET_KEY": "k" * 40}
    with ExitStack() as stack:
        if request.param == "servers":
            variables["DATABASE_URL"] = stack.enter_context(postgres())
            variables["REDIS_URL"] = stack.enter_context(redis(tmp_path / "redis"))
        else:
            variables["DATABASE_URL"] = f"sqlite:///{tmp_path}/app.db"
        command, environment = [str(python), "-m", "app"], clean_environment(**variables)
        yield [stack.enter_context(started(command, home, environment)) for _ in range(2)]


@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
def test_a_life(services: list[Started], form: bool) -> None:
    asyncio.run(live(services, form))


async def live(services: list[Started], form: bool) -> None:
    life = Life(services, form)
    for chapter in (
        life.join,
        life.change_the_password,
        life.forget_the_password,
        life.move,
        life.have_a_second_factor,
        life.let_a_program_in,
        life.end_a_session,
        life.leave,
    ):
        await chapter()


async def open_as(service: Started, cookies: dict[str, str]) -> WebSocketClientConnection:
    url = service.url.replace("http", "ws", 1) + "/rooms/lobby/socket"
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    connection = await websocket_connect(HTTPRequest(url, headers={"Cookie": sent}))
    assert await connection.read_message()
    return connection


async def close_code(connection: WebSocketClientConnection) -> int | None:
    async with asyncio.timeout(SECONDS):
        while await connection.read_message():
            pass
    return connection.close_code


class Life:
    """The chapters, in order; `here` goes on, and what is `there` must end."""

    def __init__(self, services: list[Started], form: bool) -> None:
        self.services, self.form = services, form
        self.email, self.password = "ada@example.com", PASSWORD
        self.here, self.there = (Person(services, form) for _ in range(2))

    def log_in(self, person: Person, **more: str) -> None:
        person.do("/auth/login", email=self.email, password=self.password, **more)
        assert person.known() == [True, True]

    async def join(self) -> None:
        self.here.do("/auth/register", email=self.email, password=self.password)
        self.here.do("/auth/confirm", token=self.here.mailed(self.email))
        self.log_in(self.here)

    async def change_the_password(self) -> None:
        async with self.ends_elsewhere():
            self.here.do("/auth/password", current=self.password, new=NEW)
        assert self.here.known() == [True, True]
        self.password = NEW

    async def forget_the_password(self) -> None:
        stranger = Person(self.services, self.form)
        async with self.ends_elsewhere():
            stranger.do("/auth/forgot", email=self.email)
            stranger.do("/auth/reset", token=stranger.mailed(self.email), password=NEWER)
        self.is_out(self.here)
        self.password = NEWER
        self.log_in(self.here)

    async def move(self) -> None:
        new = "countess@example.com"
        self.here.do("/auth/email", email=new)
        self.there.do("/auth/email/confirm", token=self.there.mailed(new))
        self.email = new
        await_(
            lambda: self.here.ask("GET", "/auth/me").json()["email"] == new, "the address", SECONDS
        )

    async def have_a_second_factor(self) -> None:
        proposed = self.here.do("/auth/totp").text
        (secret,) = re.findall(r"\b[A-Z2-7]{32}\b", proposed)[:1]
        app = pyotp.TOTP(secret)
        async with self.ends_elsewhere():
            enabled = self.here.do("/auth/totp/confirm", code=app.now()).text
        recovery = re.findall(r"\b(?:[A-Z2-7]{6}-){3}[A-Z2-7]{6}\b", enabled)
        assert len(set(recovery)) == 10
        self.here.client.cookies.clear()
        self.log_in(self.here, code=recovery[0])
        async with self.ends_elsewhere(code=recovery[1]):
            self.here.end("/auth/totp", password=self.password)
        assert self.here.ask("GET", "/auth/me").json()["second_factors"] == []

    async def let_a_program_in(self) -> None:
        made = self.here.do("/auth/tokens", name="backup").text
        (token,) = re.findall(r'(?:<code>|"token":")([\w-]{43})', made)
        program = Person(self.services, self.form)
        program.client.headers["Authorization"] = f"Bearer {token}"
        assert program.known() == [True, True]
        self.here.end(f"/auth/tokens/{self.here.listed('tokens')[0]['id']}")
        self.is_out(program)

    async def end_a_session(self) -> None:
        async with self.ends_elsewhere():
            (other,) = (s["id"] for s in self.here.listed("sessions") if not s["current"])
            self.here.end(f"/auth/sessions/{other}")

    async def leave(self) -> None:
        async with self.ends_elsewhere():
            self.here.end("/auth/me")
        self.is_out(self.here)
        given = {"email": self.email, "password": self.password}
        assert self.here.ask("POST", "/auth/login", json=given).status_code == 401

    @asynccontextmanager
    async def ends_elsewhere(self, **more: str) -> AsyncIterator[None]:
        """What the block does ends the other session, and its sockets on both processes."""
        self.log_in(self.there, **more)
        cookies = dict(self.there.client.cookies)
        sockets = [await open_as(service, cookies) for service in self.services]
        yield
        gone = asyncio.to_thread(self.is_out, self.there)
        codes = await asyncio.gather(*(close_code(each) for each in sockets), gone)
        assert codes[:2] == [4401, 4401]
        self.there.client.cookies.clear()

    def is_out(self, person: Person) -> None:
        await_(lambda: person.known() == [False, False], "the end", SECONDS)
