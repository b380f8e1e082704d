"""Mail: `service.get(Mailer)`, and letters that are written once for all languages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from app.mail.letters import Letter
from app.mail.mailer import SEND_SECONDS, Mailbox, Mailer, Smtp
from app.mail.settings import MailSettings

if TYPE_CHECKING:
    from app.service import Service

__all__ = ["SETTINGS", "Letter", "Mailbox", "Mailer", "lifespan"]

SETTINGS = MailSettings

log = structlog.get_logger()


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Bring what sends mails; what still is to be sent at the end is sent."""
    mailer = service.provide(_mailer(service), Mailer)
    service.inspections["mail"] = mailer.check
    try:
        yield
    finally:
        # A command, which does not drain, waits for its mails.
        await mailer.finish(service.seconds_left() if service.draining else SEND_SECONDS)


def _mailer(service: "Service") -> Mailer:
    settings, config = service.get(MailSettings), service.config
    if settings.mail_url:
        default = f"no-reply@{urlsplit(config.origin).hostname}"
        return Smtp(settings.mail_url, str(settings.mail_from or default))
    if config.production:
        log.warning("MAIL_URL is not set: no mail leaves this process")
    return Mailbox()
