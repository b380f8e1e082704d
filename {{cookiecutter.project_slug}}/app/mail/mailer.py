"""Mail: sent by a server, or kept in a mailbox of this process where none is named."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from email.header import Header
from email.message import EmailMessage
from email.utils import localtime, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog
from aiosmtplib import SMTPRecipientsRefused, SMTPResponseException

SEND_SECONDS = 20.0
RETRY_SECONDS = (2.0, 20.0, 120.0)
"""How long to wait before each further attempt."""
CONNECTIONS = 4
KEPT = 100
MOST = 500
"""Mails that wait at once: a server that is away must not fill the memory."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str
    html: str | None = None


class Mailer:
    """Takes mails to send; no request waits for them."""

    def send(self, mail: Mail) -> None:
        raise NotImplementedError

    async def check(self) -> None:
        """Raise if no mail can be sent."""

    async def finish(self, seconds: float) -> None:
        """Wait for what is being sent, for so many seconds."""


class Mailbox(Mailer):
    """Keeps the newest mails instead of sending them."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=KEPT)

    def send(self, mail: Mail) -> None:
        self._mails.appendleft(mail)

    def newest_first(self) -> list[dict[str, str]]:
        return [{"to": m.to, "subject": m.subject, "text": m.text} for m in self._mails]


class Smtp(Mailer):
    """Sends through a server, each mail in a task of its own; the log says what was not sent."""

    def __init__(self, url: str, sender: str) -> None:
        self._url, self._sender = urlsplit(url), sender
        # A password is sent to no server that offers no TLS, or whose offer somebody has cut out.
        must = self._url.username and self._url.hostname not in ("localhost", "127.0.0.1", "::1")
        self._start_tls = True if must and self._url.scheme == "smtp" else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections, self._ending = asyncio.Semaphore(CONNECTIONS), asyncio.Event()

    def send(self, mail: Mail) -> None:
        if len(self._tasks) >= MOST:
            log.error("mail not sent", subject=mail.subject, error="too many wait")
            return
        task = asyncio.create_task(self._deliver(mail))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def check(self) -> None:
        async with self._connection():
            pass  # somebody is there, who knows us

    async def finish(self, seconds: float) -> None:
        """What waits for another attempt makes it now, and no more."""
        self._ending.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            if late:
                log.error("mails not sent", count=len(late))
            while late:  # `asyncio.wait_for`, in the client, loses some before Python 3.12
                for task in late:
                    task.cancel()
                _, late = await asyncio.wait(late, timeout=0.05)

    async def _deliver(self, mail: Mail) -> None:
        message = self._message(mail)
        for seconds in (*RETRY_SECONDS, None):
            last = seconds is None or self._ending.is_set()
            try:
                return await self._attempt(message)
            except Exception as error:  # whatever it is, the request was answered long ago
                if last or not _may_pass(error):
                    log.error("mail not sent", subject=mail.subject, error=type(error).__name__)
                    return
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._ending.wait()

    async def _attempt(self, message: EmailMessage) -> None:
        async with self._connections, self._connection() as server:
            await server.send_message(message)

    def _connection(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._url.hostname,
            port=self._url.port,
            username=unquote(self._url.username or "") or None,
            password=unquote(self._url.password or "") or None,
            use_tls=self._url.scheme == "smtps",
            start_tls=self._start_tls,
            timeout=SEND_SECONDS,
        )

    def _message(self, mail: Mail) -> EmailMessage:
        """Two faces of one mail; the same for each attempt, so that a second copy can be told."""
        message, domain = EmailMessage(), parseaddr(self._sender)[1].rpartition("@")[2]
        message["From"], message["To"] = self._sender, mail.to
        # Encoded whatever it is: it may hold names, and what looks encoded in one would be read so.
        subject = Header(mail.subject, "utf-8", header_name="Subject")
        message.set_raw("Subject", subject.encode())
        message["Date"], message["Message-ID"] = localtime(), make_msgid(domain=domain)
        message["Auto-Submitted"] = "auto-generated"  # no "out of office" comes back (RFC 3834)
        message.set_content(mail.text)
        if mail.html:
            message.add_alternative(mail.html, subtype="html")
        return message


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may go well: nobody answered, or "not now" (RFC 5321, 4.2.1)."""
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPResponseException):
        return error.code < 500
    return isinstance(error, OSError)
