"""Accounts: who asks, by a session that a login has begun."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from tornado.web import RequestHandler

from app.auth.accounts import Accounts
from app.auth.background import tidying
from app.auth.commands import COMMANDS
from app.auth.cookie import Cookie, Device, bearer
from app.auth.handlers import ROUTES
from app.auth.mail import SEND_SECONDS, Mailbox, Mailer, Smtp
from app.auth.oidc import Providers
from app.auth.passkeys import Passkeys
from app.auth.passwords import Passwords
from app.auth.revocations import Revocations
from app.auth.sessions import Sessions
from app.auth.settings import AuthSettings
from app.auth.throttle import Throttle
from app.auth.totp import Totp
from app.database import Database

if TYPE_CHECKING:
    from app.service import Identity, Service

__all__ = ["COMMANDS", "ROUTES", "SETTINGS", "TORNADO", "lifespan"]

SETTINGS = AuthSettings
TORNADO = {"login_url": "/auth/login"}

log = structlog.get_logger()


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Bring what the handlers need, and tell the core who asks."""
    database, passwords = service.get(Database), Passwords()
    mailer = service.provide(_mailer(service), Mailer)
    revocations = service.provide(Revocations(service))
    sessions = service.provide(Sessions(database, revocations))
    service.provide(service.backend_of(__name__).Throttle(service), Throttle)
    service.provide(Accounts(database, passwords, revocations))
    service.provide(Totp(database, revocations, service.config.key))
    service.provide(Passkeys(service))
    service.provide(Device(service.config.https))
    providers = service.provide(Providers(service.get(AuthSettings), service.config.origin))
    _identify_by(service, service.provide(Cookie(service.config.https)), sessions)
    service.session_ended.connect(sessions.forget)
    service.sessions_unsure.connect(sessions.forget_all)
    service.housekeeping.append(sessions.delete_expired)
    try:
        async with revocations.listening(), tidying(service, sessions.delete_expired):
            yield
    finally:
        # A command, which does not drain, waits for its mails.
        await mailer.finish(service.seconds_left() if service.draining else SEND_SECONDS)
        passwords.close()
        for provider in providers.values():
            provider.client.close()


def _mailer(service: "Service") -> Mailer:
    settings, config = service.get(AuthSettings), service.config
    if settings.mail_url:
        default = f"no-reply@{urlsplit(config.origin).hostname}"
        return Smtp(settings.mail_url, str(settings.mail_from or default))
    if config.production:
        log.warning("MAIL_URL is not set: no mail leaves this process")
    return Mailbox()


def _identify_by(service: "Service", cookie: Cookie, sessions: Sessions) -> None:
    async def identify(handler: RequestHandler) -> "Identity | None":
        token = bearer(handler) or cookie.read(handler)
        return await sessions.find(token) if token else None

    service.identify = identify
