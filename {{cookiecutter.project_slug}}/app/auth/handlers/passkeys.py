"""Passkeys: added, named and removed by their owner, and logging in with one."""

from typing import Annotated, Any

from pydantic import BaseModel, Json, StringConstraints
from sqlalchemy import ColumnElement, delete, update
from tornado.web import HTTPError

from app.auth.handlers.base import AccountHandler, AuthHandler, Deletable, Entrance
from app.auth.letters import Letter
from app.auth.models import Passkey, Session
from app.auth.passkeys import WITHIN, Answer, Copied, Offer, Passkeys, Refused, listed
from app.auth.revocations import Revocations
from app.database import Database
from app.problems import Problem

PAGE = "/auth/passkeys"


def _letter(subject: str, text: str) -> Letter:
    look = ("If it was not you, look at your passkeys:", "{origin}/auth/passkeys")
    return Letter(subject, (text, *look))


ADDED = _letter("A passkey was added", "“{name}” can log in to your account at {service} now.")
REMOVED = _letter(
    "A passkey was removed", "“{name}” cannot log in to your account at {service} any more."
)
COPIED = _letter(
    "A passkey may have been copied",
    "A login at {service} with “{name}” was refused: there may be a copy of it, so remove it.",
)
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\p{Cc}\p{Zl}\p{Zp}]*$"
    ),
]
"""One line: it stands in letters."""


class Naming(BaseModel):
    name: Name


class Addition(BaseModel):
    credential: Answer | Json[Answer]
    name: Name = "Passkey"


class Proof(BaseModel):
    credential: Answer | Json[Answer]
    remember: bool = False


class Asking(AuthHandler):
    """Asks for a proof, and takes it from the browser that was asked only."""

    def initialize(self) -> None:
        https = self.application.config.https
        self.cookie = "__Host-passkey" if https else "passkey"
        self.flags: dict[str, Any] = {"secure": https, "httponly": True, "samesite": "Strict"}

    def ask(self, offer: Offer) -> None:
        ticket, options = offer
        age = int(WITHIN.total_seconds())
        self.set_cookie(self.cookie, ticket, path="/", max_age=age, **self.flags)
        self.json(options)

    def ticket(self) -> str:
        self.clear_cookie(self.cookie, path="/", **self.flags)
        return self.get_cookie(self.cookie, "")


class AddOptions(Asking, AccountHandler):
    recent = True

    async def post(self) -> None:
        offer = await self.application.get(Passkeys).offer_to_add(self.person)
        if offer is None:
            raise Problem(409, "You have as many passkeys as you can have. Remove one first.")
        self.ask(offer)


class All(Asking, AccountHandler):
    recent = True

    async def get(self) -> None:
        async with self.application.get(Database).reading() as session:
            passkeys = await listed(session, self.person.id)
        self.answer({"passkeys": passkeys}, page="auth/passkeys.html")

    async def post(self) -> None:
        person, given, passkeys = self.person, self.body(Addition), self.application.get(Passkeys)
        try:
            added = await passkeys.add(person, self.ticket(), given.credential, given.name)
        except Refused:
            self.record("passkey_add", "refused", person.id)
            raise Problem(400, "The passkey could not be added. Try again.") from None
        self.record("passkey_add", "ok", person.id)
        self.mail(person.name, ADDED, name=added.name)
        self.set_status(201)
        self.done(PAGE, {"id": added.id, "name": added.name}, "Your passkey is added.")


class Removal(Deletable):
    recent = True

    def mine(self, id: str) -> tuple[ColumnElement[bool], ...]:
        return Passkey.id == id, Passkey.account_id == self.person.id

    async def delete(self, id: str) -> None:
        """Who has its authenticator may have sessions by it: all but this one end."""
        person = self.person
        others = (Session.account_id == person.id, Session.id != person.session)
        removed = delete(Passkey).where(*self.mine(id)).returning(Passkey.name)
        async with self.application.get(Revocations).ending(*others) as session:
            name = await session.scalar(removed)
            if name is None:
                raise HTTPError(404)
        self.record("passkey_remove", "ok", person.id)
        self.mail(person.name, REMOVED, name=name)
        self.done(PAGE, notice="The passkey is removed.")


class One(Removal):
    async def post(self, *ids: str) -> None:
        renamed = update(Passkey).where(*self.mine(*ids)).values(name=self.body(Naming).name)
        async with self.application.get(Database).writing() as session:
            if await session.scalar(renamed.returning(Passkey.id)) is None:
                raise HTTPError(404)
        self.record("passkey_rename", "ok", self.person.id)
        self.done(PAGE)


class LoginOptions(Asking):
    async def post(self) -> None:
        await self.throttle("passkey")
        self.ask(await self.application.get(Passkeys).offer_to_log_in())


class Login(Asking, Entrance):
    page = "auth/login.html"
    refusal = "This passkey does not work here."

    def get(self) -> None:
        """Where a reload leads, or another language, after a failure."""
        self.redirect("/auth/login")

    async def post(self) -> None:
        given = self.body(Proof)
        await self.throttle("login")
        passkeys = self.application.get(Passkeys)
        try:
            account = await passkeys.authenticate(self.ticket(), given.credential)
        except Copied as copied:
            self.mail(copied.account.email, COPIED, name=copied.passkey.name)
            self.refuse("copied", copied.account.id)
        except Refused:
            self.refuse("refused")
        await self.let_in(account, given.remember, self.get_argument("next", "/"))


ROUTES = [
    (PAGE, All),
    (f"{PAGE}/options", AddOptions),
    (f"{PAGE}/login", Login),
    (f"{PAGE}/login/options", LoginOptions),
    (f"{PAGE}/([A-Za-z0-9_-]+)", One),
    (f"{PAGE}/([A-Za-z0-9_-]+)/delete", Removal),
]
