"""Passkeys: added, named and removed by their owner, and logging in with one."""

from pydantic import BaseModel, Json
from sqlalchemy import update
from tornado.web import HTTPError

from app.auth.accounts import Accounts
from app.auth.cookie import Cookie
from app.auth.handlers.base import AccountHandler, AuthHandler, Entrance, Name, Naming, deletable
from app.auth.letters import told
from app.auth.models import Passkey
from app.auth.passkeys import Answer, Copied, Offer, Passkeys, Refused, listed
from app.database import Database
from app.problems import Problem

PAGE = "/auth/passkeys"


ADDED = told("The passkey “{name}” was added")
REMOVED = told("The passkey “{name}” was removed")
COPIED = told("A login with the passkey “{name}” was refused: there may be a copy of it")


class Addition(BaseModel):
    credential: Answer | Json[Answer]
    name: Name = "Passkey"


class Proof(BaseModel):
    credential: Answer | Json[Answer]
    remember: bool = False


class Asking(AuthHandler):
    """Asks for a proof, and takes it from the browser that was asked only."""

    @property
    def cookie(self) -> Cookie:
        return Cookie(self.application.config.https, "passkey")

    def ask(self, offer: Offer) -> None:
        ticket, options = offer
        self.cookie.write(self, ticket)
        self.json(options)

    def ticket(self) -> str:
        self.cookie.clear(self)
        return self.cookie.read(self) or ""


class AddOptions(Asking, AccountHandler):
    recent = True

    async def post(self) -> None:
        await self.sparingly("passkey")
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


class One(AccountHandler):
    recent = True

    async def delete(self, id: str) -> None:
        removed = await self.application.get(Accounts).remove(self.person, Passkey, id)
        self.record("passkey_remove", "ok", self.person.id)
        self.mail(self.person.name, REMOVED, name=removed.name)
        self.done(PAGE, notice="The passkey is removed.")

    async def post(self, *ids: str) -> None:
        mine = Passkey.id.in_(ids), Passkey.account_id == self.person.id
        renamed = update(Passkey).where(*mine).values(name=self.body(Naming).name)
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
        location = self.get_argument("next", "/")
        await self.let_in(account, given.remember, location, twice=True)


ROUTES = [
    (PAGE, All),
    (f"{PAGE}/options", AddOptions),
    (f"{PAGE}/login", Login),
    (f"{PAGE}/login/options", LoginOptions),
    *deletable(f"{PAGE}/([A-Za-z0-9_-]+)", One),
]
