"""Logging in with a password, doing so again, and logging out."""

from pydantic import BaseModel

from app.auth.accounts import Accounts
from app.auth.cookie import Cookie
from app.auth.handlers.base import (
    AccountHandler,
    AddressOrNot,
    AuthHandler,
    Entrance,
    Password,
    form,
)
from app.problems import Problem


class Credentials(BaseModel):
    email: AddressOrNot
    password: Password
    remember: bool = False


class OnceMore(BaseModel):
    password: Password


class Login(Entrance):
    page = "auth/login.html"

    def get(self) -> None:
        self.answer(form(Credentials, providers=list(self.providers)), page=self.page)

    async def post(self) -> None:
        given = self.body(Credentials)
        await self.throttle("login", given.email)
        account = await self.application.get(Accounts).authenticate(given.email, given.password)
        if account is None:
            self.refuse("refused")
        await self.let_in(account, given.remember, self.get_argument("next", "/"))


class Again(AccountHandler):
    """Prove anew who you are, to go on to what changes the account."""

    page = "auth/again.html"

    def get(self) -> None:
        self.answer(form(OnceMore), page=self.page)

    async def post(self) -> None:
        person, given = self.person, self.body(OnceMore)
        await self.throttle("login", person.name)
        account = await self.application.get(Accounts).authenticate(person.name, given.password)
        self.record("again", "ok" if account else "refused", person.id)
        if account is None:
            raise Problem(401, "The password is wrong.")
        await self.begin_session(person.id, person.remembered)
        self.done(self.get_argument("next", "/auth/me"))


class Logout(AuthHandler):
    async def post(self) -> None:
        user = await self.end_session()
        self.record("logout", "ok" if user else "refused", user)
        self.application.get(Cookie).clear(self)
        self.done("/", notice="You are logged out.")


ROUTES = [("/auth/login", Login), ("/auth/again", Again), ("/auth/logout", Logout)]
