"""Mail: sent by a server, or kept in a mailbox of this process where none is named."""

import asyncio
from collections import deque
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

SEND_SECONDS = 20.0
KEPT = 100

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str


class Mailer:
    """Takes mails to send; no request waits for them."""

    def send(self, mail: Mail) -> None:
        raise NotImplementedError

    async def finish(self, seconds: float) -> None:
        """Wait for what is being sent, for so many seconds."""


class Mailbox(Mailer):
    """Keeps the newest mails instead of sending them."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=KEPT)

    def send(self, mail: Mail) -> None:
        self._mails.appendleft(mail)

    def newest_first(self) -> list[dict[str, str]]:
        return [asdict(mail) for mail in self._mails]


class Smtp(Mailer):
    """Sends through a server, each mail in a task of its own; a failure is logged."""

    def __init__(self, url: str, sender: str) -> None:
        self._url, self._sender = urlsplit(url), sender
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, mail: Mail) -> None:
        task = asyncio.create_task(self._send(mail))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, seconds: float) -> None:
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            if late:
                log.error("mails not sent", count=len(late))

    async def _send(self, mail: Mail) -> None:
        try:
            await aiosmtplib.send(
                self._message(mail),
                hostname=self._url.hostname,
                port=self._url.port,
                username=unquote(self._url.username or "") or None,
                password=unquote(self._url.password or "") or None,
                use_tls=self._url.scheme == "smtps",
                timeout=SEND_SECONDS,
            )
        except Exception as error:  # whatever it is, the request was answered long ago
            log.error("mail not sent", subject=mail.subject, error=type(error).__name__)

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, mail.subject
        message.set_content(mail.text)
        return message
