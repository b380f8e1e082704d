"""One's own sessions: seen, and ended."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tornado.web import HTTPError

from app.auth.cookie import Cookie
from app.auth.handlers.base import AccountHandler, deletable
from app.auth.models import Session
from app.auth.revocations import Revocations
from app.database import Database, now, rows


async def listed(
    session: AsyncSession, account_id: str, current: str | None
) -> list[dict[str, Any]]:
    """The account's living sessions, that in use last first."""
    one = Session
    query = select(one.id, one.created_at, one.last_seen_at, one.address, one.user_agent)
    query = query.where(one.account_id == account_id, one.idle_expires_at > now())
    found = await rows(session, query.order_by(one.last_seen_at.desc()))
    return [each | {"current": each["id"] == current} for each in found]


class All(AccountHandler):
    """GET lists the sessions; DELETE ends all but the one that asks."""

    async def get(self) -> None:
        async with self.application.get(Database).reading() as session:
            found = await listed(session, self.who.id, self.who.session)
        self.answer({"sessions": found})

    async def delete(self) -> None:
        me, revocations = self.person, self.application.get(Revocations)
        async with revocations.ending(me, keep=me.session):
            pass  # nothing but that
        self.record("sessions", "ended", self.who.id)
        self.done("/auth/me", notice="All other sessions have ended.")


class One(AccountHandler):
    async def delete(self, session_id: str) -> None:
        which = Session.id == session_id, Session.account_id == self.who.id
        if not await self.application.get(Revocations).end(*which):
            raise HTTPError(404)
        self.record("session", "ended", self.who.id)
        if session_id == self.who.session:
            self.application.get(Cookie).clear(self)
        self.done("/auth/me", notice="The session has ended.")


ROUTES = [*deletable("/auth/sessions", All), *deletable("/auth/sessions/([0-9a-f]{32})", One)]
