"""Who asks, all that belongs to their account, and its end."""

from typing import Any, cast

from app.auth import logins, passkeys
from app.auth.accounts import Accounts
from app.auth.cookie import Cookie
from app.auth.handlers import sessions, tokens
from app.auth.handlers.base import AccountHandler, Form
from app.auth.letters import told
from app.auth.sessions import Known, Person
from app.database import Database

DELETED = told("Your account was deleted", "gone")


class Deletion(AccountHandler):
    recent = True

    async def delete(self) -> None:
        person = self.person
        await self.application.get(Accounts).delete(person)
        self.application.get(Cookie).clear(self)
        self.record("delete", "ok", person.id)
        self.mail(person.name, DELETED)
        self.done("/", notice="Your account is deleted.")


class Me(Deletion):
    readable = True

    async def get(self) -> None:
        """A program is told no more than whose it is: it gets no page."""
        who = cast(Known, self.who)
        page, factors = "auth/me.html" if isinstance(who, Person) else None, who.second_factors
        me = {"id": who.id, "email": who.name, "confirmed": True, "second_factors": factors}
        if page and self.application.renderer.wants_page(self):
            me |= await self._belongings()
        self.answer(me, page)

    async def _belongings(self) -> dict[str, Any]:
        async with self.application.get(Database).reading() as session:
            return {
                "sessions": await sessions.listed(session, self.who.id, self.who.session),
                "tokens": await tokens.listed(session, self.who.id),
                "passkeys": await passkeys.listed(session, self.who.id),
                "logins": await logins.listed(session, self.who.id),
            }


class DeletionForm(Form, Deletion):
    page = "auth/delete.html"
    post = Deletion.delete


ROUTES = [("/auth/me", Me), ("/auth/me/delete", DeletionForm)]
