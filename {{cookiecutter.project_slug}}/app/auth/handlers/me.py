"""Who asks, and, on the page, all that belongs to their account."""

from typing import Any

from app.auth import logins, passkeys
from app.auth.handlers import sessions, tokens
from app.auth.handlers.deletion import Deletion
from app.auth.sessions import Person
from app.database import Database


class Me(Deletion):
    readable = True

    async def get(self) -> None:
        who = self.who
        factors = list(who.second_factors) if isinstance(who, Person) else []
        me = {"id": who.id, "email": who.name, "confirmed": True, "second_factors": factors}
        if self.application.renderer.wants_page(self):
            me |= await self._belongings()
        self.answer(me, page="auth/me.html")

    async def _belongings(self) -> dict[str, Any]:
        async with self.application.get(Database).reading() as session:
            return {
                "sessions": await sessions.listed(session, self.who.id, self.who.session),
                "tokens": await tokens.listed(session, self.who.id),
                "passkeys": await passkeys.listed(session, self.who.id),
                "logins": await logins.listed(session, self.who.id),
            }


ROUTES = [("/auth/me", Me)]
