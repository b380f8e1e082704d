"""Accounts: who asks, by a session that a login has begun."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tornado.web import RequestHandler

from app.auth.accounts import Accounts
from app.auth.background import beside, tidying
from app.auth.commands import COMMANDS
from app.auth.cookie import Challenge, Cookie, Device, bearer
from app.auth.handlers import ROUTES
from app.auth.models import ApiToken, Session
from app.auth.passkeys import Passkeys
from app.auth.passwords import Passwords
from app.auth.revocations import Revocations
from app.auth.sessions import Sessions
from app.auth.settings import AuthSettings
from app.auth.totp import Totp
from app.database import Database
from app.throttle import Throttle

if TYPE_CHECKING:
    from app.service import Identity, Service

__all__ = ["COMMANDS", "ROUTES", "SETTINGS", "TORNADO", "lifespan"]

SETTINGS = AuthSettings
TORNADO = {"login_url": "/auth/login"}


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Bring what the handlers need, and tell the core who asks."""
    database, passwords = service.get(Database), Passwords()
    revocations = service.provide(Revocations(service))
    sessions = service.provide(Sessions(database, revocations))
    service.provide(service.backend_of("app.throttle").Throttle(service), Throttle)
    service.provide(Accounts(database, passwords, revocations))
    service.provide(Totp(database, revocations, service.config.key))
    service.provide(Passkeys(service))
    service.provide(Device(service.config.https))
    _identify_by(service, service.provide(Cookie(service.config.https)), sessions)
    service.add_transform(Challenge)
    service.session_ended.connect(sessions.forget)
    service.sessions_unsure.connect(sessions.forget_all)
    service.housekeeping.append(sessions.delete_expired)
    try:
        async with beside(revocations.listen()), tidying(service, sessions.delete_expired):
            yield
    finally:
        passwords.close()


def _identify_by(service: "Service", cookie: Cookie, sessions: Sessions) -> None:
    async def identify(handler: RequestHandler) -> "Identity | None":
        if token := bearer(handler):
            return await sessions.find(ApiToken, token)
        return await sessions.find(Session, token) if (token := cookie.read(handler)) else None

    service.identify = identify
