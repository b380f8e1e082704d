"""Subjects: they hold names that people have chosen, and arrive as they are."""

from email import message_from_bytes
from email.policy import default

from structlog.testing import capture_logs

from app.mail.mailer import Mail, Smtp
from tests.auth.people import EMAIL
from tests.mail.server import smtp

NAMES = ["backup", "=?x?q?=ff?=", "=?utf-8?q?a=0Ab?=", "x" * 100, "é  =?utf-8?b?eA==?= " * 6, "=?"]


async def test_whatever_is_in_it_is_read_as_it_was_written() -> None:
    subjects = [s for name in NAMES for s in (name, f"The API token “{name}” was made")]
    async with smtp() as (server, url):
        with capture_logs() as logs:
            mailer = Smtp(url, "us@example.com")
            for subject in subjects:
                mailer.send(Mail(EMAIL, subject, "All is well."))
            await mailer.finish(5)
    assert not logs
    received = [message_from_bytes(mail, policy=default)["Subject"] for mail in server.mails]
    assert sorted(received) == sorted(subjects)


async def test_it_stays_one_header() -> None:
    async with smtp() as (server, url):
        mailer = Smtp(url, "us@example.com")
        mailer.send(Mail(EMAIL, "a\r\nBcc: eve@example.com", "All is well."))
        await mailer.finish(5)
    sent = message_from_bytes(server.mails[0], policy=default)
    assert sent["Subject"] == "a Bcc: eve@example.com"
    assert sent["Bcc"] is None
