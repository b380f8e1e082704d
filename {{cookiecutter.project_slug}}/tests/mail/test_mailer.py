"""Mail: in the mailbox of the process, or sent by a server without anybody waiting."""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.database import now
from app.mail import mailer
from app.mail.mailer import Mail, Mailer, Smtp
from app.mail.settings import MailSettings
from app.main import create_service
from app.settings import Settings, SettingsError, load
from tests.auth.people import EMAIL, confirm, login, mails, register
from tests.conftest import Client, Start
from tests.mail.server import smtp


def failures(logs: list[Any]) -> list[tuple[str, str]]:
    """What the log says was not sent, and why."""
    return [(e["event"], e.get("error", "")) for e in logs if e["log_level"] == "error"]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further attempts are made without a pause."""
    monkeypatch.setattr(mailer, "RETRY_SECONDS", (0.01, 0.01, 0.01))


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain ends as soon as nothing is under way."""
    monkeypatch.setattr("app.server.GRACE_SECONDS", 0)


async def test_whether_the_server_answers_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with smtp() as (_, url):
        monkeypatch.setenv("MAIL_URL", url)
        service = create_service()
        async with service.running():
            await service.inspections["mail"]()
    with pytest.raises(OSError, match="Connect"):
        await service.inspections["mail"]()


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


@pytest.mark.usefixtures("no_grace", "at_once")
async def test_a_server_that_is_away_is_logged_and_the_answer_is_the_same(start: Start) -> None:
    url = "smtp://user:secret@127.0.0.1:1"
    with capture_logs() as logs:
        async with start(MAIL_URL=url, DRAIN_SECONDS="5") as client:
            assert (await register(client)).status_code == 202
    assert failures(logs) == [("mail not sent", "SMTPConnectError")]
    assert "secret" not in str(logs)
    assert "token" not in str(logs)


async def test_a_mail_has_two_faces_and_says_what_it_is(start: Start) -> None:
    async with smtp() as (server, url), start(MAIL_URL=url, MAIL_FROM="Us <us@x.org>") as client:
        await register(client)
        await asyncio.wait_for(server.arrived.wait(), 5)
    sent = message_from_bytes(server.mails[0], policy=default)
    plain, html = [part.get_content() for part in sent.iter_parts()]
    assert sent.get_content_type() == "multipart/alternative"
    assert (sent["From"], sent["To"]) == ("Us <us@x.org>", EMAIL)
    assert sent["Message-ID"].endswith("@x.org>")
    assert sent["Auto-Submitted"] == "auto-generated"
    assert abs(now() - sent["Date"].datetime) < timedelta(minutes=1)
    (link,) = re.findall(r"http\S+", plain)
    assert re.findall('href="(.*?)"', html) == [link]
    assert '<html lang="en">' in html
    assert f">{link}</p>" in html


@pytest.mark.usefixtures("at_once")
async def test_what_may_pass_is_tried_again(start: Start) -> None:
    async with smtp() as (server, url), start(MAIL_URL=url) as client:
        server.refusals = [b"450 greylisted", b"421 too busy"]
        await register(client)
        await asyncio.wait_for(server.arrived.wait(), 5)
        assert server.calls == 3
    assert len(server.mails) == 1


@pytest.mark.usefixtures("at_once", "no_grace")
@pytest.mark.parametrize(("code", "calls"), [(b"550", 1), (b"450", 4)])
async def test_what_will_not_pass_is_not_and_all_attempts_end(
    start: Start, code: bytes, calls: int
) -> None:
    with capture_logs() as logs:
        async with smtp() as (server, url):
            async with start(MAIL_URL=url, DRAIN_SECONDS="5") as client:
                server.refusals = [code + b" no"] * 9
                await register(client)
                async with asyncio.timeout(5):
                    while not failures(logs):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
            assert (server.calls, server.mails) == (calls, [])
    assert failures(logs) == [("mail not sent", "SMTPRecipientsRefused")]


@pytest.mark.usefixtures("no_grace")
async def test_at_the_end_what_waits_has_its_last_chance(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, attempt = asyncio.Event(), Smtp._attempt

    async def attempted(self: Smtp, message: EmailMessage) -> None:
        try:
            await attempt(self, message)
        finally:
            refused.set()

    monkeypatch.setattr(Smtp, "_attempt", attempted)
    monkeypatch.setattr(mailer, "RETRY_SECONDS", (60.0,))
    async with smtp() as (_, url):
        port = int(url.rpartition(":")[2])
    async with AsyncExitStack() as later:
        async with start(MAIL_URL=url, DRAIN_SECONDS="5") as client:
            await register(client)
            await asyncio.wait_for(refused.wait(), 5)
            server, _ = await later.enter_async_context(smtp(port))
        assert len(server.mails) == 1


async def test_a_server_that_hangs_fills_neither_memory_nor_itself(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer, "MOST", 3)
    monkeypatch.setattr(mailer, "CONNECTIONS", 2)
    with capture_logs() as logs:
        async with smtp() as (server, url):
            server.ready.clear()
            async with start(MAIL_URL=url) as client:
                for number in range(5):
                    answer = await register(client, f"{number}@example.com")
                    assert answer.status_code == 202
                assert (server.calls, server.most) == (2, 2)
            server.ready.set()
    assert failures(logs) == [("mail not sent", "too many wait")] * 2 + [("mails not sent", "")]


async def test_the_mailbox_shows_the_newest_first(client: Client) -> None:
    for email in ("one@example.com", "two@example.com"):
        await register(client, email)
    assert [kept["to"] for kept in await mails(client)] == ["two@example.com", "one@example.com"]
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
        load([MailSettings])
    assert str(caught.value) == "MAIL_URL: must look like smtp://user:password@host:587"


async def test_a_scanner_that_posts_nonsense_gets_no_account(client: Client) -> None:
    for token in ("", "x", "x" * 43, "'; DROP TABLE accounts"):
        assert (await confirm(client, token)).status_code == 400
    assert (await confirm(client, "x" * 200)).status_code == 422
    assert (await login(client)).status_code == 401
