"""Logging in with a password, doing so again, and logging out."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.auth.accounts import Accounts
from app.auth.cookie import Cookie
from app.auth.handlers.base import (
    AccountHandler,
    AddressOrNot,
    AuthHandler,
    Entrance,
    Form,
    Password,
    Token,
)
from app.auth.handlers.codes import Code
from app.auth.totp import Totp


class Credentials(BaseModel):
    email: AddressOrNot
    password: Password
    remember: bool = False
    code: Code = ""


class SecondFactor(BaseModel):
    ticket: Token
    code: Annotated[Code, Field(min_length=1)]


class OnceMore(BaseModel):
    password: Password


class Login(Form, Entrance):
    page, takes = "auth/login.html", Credentials

    def form(self) -> dict[str, Any]:
        return super().form() | {"providers": list(self.providers)}

    async def post(self) -> None:
        given = self.body(Credentials)
        await self.throttle("login", given.email)
        account = await self.application.get(Accounts).authenticate(given.email, given.password)
        if account is None:
            self.refuse("refused")
        await self.let_in(account, given.remember, self.get_argument("next", "/"), given.code)


class LoginCode(Form, Entrance):
    """The second step of a login; what was proven in the first is in a ticket."""

    page, takes = "auth/code.html", SecondFactor
    refusal = "That took too long. Log in anew."

    def get(self) -> None:
        self.done("/auth/login", self.form())

    async def post(self) -> None:
        given = self.body(SecondFactor)
        asked = await self.application.get(Totp).asked(given.ticket)
        if asked is None:
            self.refuse("refused")
        account, then = asked
        await self.let_in(account, **then, code=given.code)


class Again(Form, AccountHandler):
    """Prove anew who you are, to go on to what changes the account."""

    page, takes = "auth/again.html", OnceMore

    async def post(self) -> None:
        proven = await self.prove(self.body(OnceMore).password, "again")
        await self.begin_session(proven, self.person.remembered)
        self.record("again", "ok", self.person.id)
        self.done(self.get_argument("next", "/auth/me"))


class Logout(AuthHandler):
    async def post(self) -> None:
        user = await self.end_session()
        self.record("logout", "ok" if user else "refused", user)
        self.application.get(Cookie).clear(self)
        self.done("/", notice="You are logged out.")


ROUTES = [
    ("/auth/login", Login),
    ("/auth/login/code", LoginCode),
    ("/auth/again", Again),
    ("/auth/logout", Logout),
]
