"""Mail: in the mailbox of the process, or sent by a server without anybody waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from app.auth.mail import Mail, Mailer
from app.auth.settings import AuthSettings
from app.main import create_service
from app.settings import Settings, SettingsError, load
from tests.auth.people import EMAIL, confirm, login, mails, register
from tests.conftest import Client, Start


class Server:
    """Takes mails as an SMTP server does, and keeps what it was sent."""

    def __init__(self) -> None:
        self.received, self.arrived, self.ready = "", asyncio.Event(), asyncio.Event()
        self.ready.set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.ready.wait()
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                self.received += (await reader.readuntil(b"\r\n.\r\n")).decode()
                self.arrived.set()
            self.received += line.decode()
            writer.write(b"250 fine\r\n" if not line.startswith(b"QUIT") else b"221 bye\r\n")
        writer.close()


@asynccontextmanager
async def smtp() -> AsyncIterator[tuple[Server, str]]:
    """A mail server, and its `MAIL_URL`."""
    mail = Server()
    async with await asyncio.start_server(mail.talk, "127.0.0.1", 0) as server:
        yield mail, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain ends as soon as nothing is under way."""
    monkeypatch.setattr("app.server.GRACE_SECONDS", 0)


async def test_a_server_gets_the_mail_and_the_mailbox_is_not_there(start: Start) -> None:
    async with smtp() as (server, url), start(MAIL_URL=url, MAIL_FROM="us@example.com") as client:
        assert (await register(client)).status_code == 202
        await asyncio.wait_for(server.arrived.wait(), 5)
        assert (await client.get("/dev/mail")).status_code == 404
    assert "MAIL FROM:<us@example.com>" in server.received
    assert f"RCPT TO:<{EMAIL}>" in server.received
    assert "/auth/confirm?token=" in server.received


@pytest.mark.usefixtures("no_grace")
async def test_what_is_being_sent_is_sent_before_the_end(start: Start) -> None:
    async with smtp() as (server, url):
        async with start(MAIL_URL=url, DRAIN_SECONDS="5") as client:
            server.ready.clear()
            await register(client)
            asyncio.get_running_loop().call_later(0.1, server.ready.set)
        assert "QUIT" in server.received


async def test_a_server_that_hangs_does_not_hold_up_the_end(start: Start) -> None:
    async with smtp() as (server, url):
        server.ready.clear()
        with capture_logs() as logs:
            async with asyncio.timeout(5), start(MAIL_URL=url) as client:
                await register(client)
        server.ready.set()
    assert "mails not sent" in [entry["event"] for entry in logs]


async def test_a_command_waits_for_its_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    async with smtp() as (server, url):
        monkeypatch.setenv("MAIL_URL", url)
        service = create_service()
        async with service.running():
            service.get(Mailer).send(Mail(EMAIL, "A report", "All is well."))
        assert "QUIT" in server.received


@pytest.mark.usefixtures("no_grace")
async def test_a_server_that_is_away_is_logged_and_the_answer_is_the_same(start: Start) -> None:
    url = "smtp://user:secret@127.0.0.1:1"
    with capture_logs() as logs:
        async with start(MAIL_URL=url, DRAIN_SECONDS="5") as client:
            assert (await register(client)).status_code == 202
    assert [e["event"] for e in logs if e["log_level"] == "error"] == ["mail not sent"]
    assert "secret" not in str(logs)


async def test_the_mailbox_shows_the_newest_first(client: Client) -> None:
    for email in ("one@example.com", "two@example.com"):
        await register(client, email)
    assert [mail["to"] for mail in await mails(client)] == ["two@example.com", "one@example.com"]
    assert {*(await mails(client))[0]} == {"to", "subject", "text"}


async def test_production_has_no_mailbox_and_warns(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "production", True)
    monkeypatch.setenv("SECRET_KEY", "k" * 40)
    with capture_logs() as logs:
        async with start() as client:
            assert (await client.get("/dev/mail")).status_code == 404
    assert any("MAIL_URL" in entry["event"] for entry in logs)


@pytest.mark.parametrize(
    "url", ["http://host", "smtp://", "smtp://host:port", "host", "smtp://h:0"]
)
def test_a_bad_address_of_the_server_is_one_line(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MAIL_URL", url)
    with pytest.raises(SettingsError) as caught:
        load([AuthSettings])
    assert str(caught.value) == "MAIL_URL: must look like smtp://user:password@host:587"


async def test_a_scanner_that_posts_nonsense_gets_no_account(client: Client) -> None:
    for token in ("", "x", "x" * 43, "'; DROP TABLE accounts"):
        assert (await confirm(client, token)).status_code == 400
    assert (await confirm(client, "x" * 200)).status_code == 422
    assert (await login(client)).status_code == 401
