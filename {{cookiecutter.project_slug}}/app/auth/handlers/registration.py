"""Registering, and confirming the address by the mail's link."""

from pydantic import BaseModel

from app.auth.accounts import Accounts
from app.auth.handlers.base import Address, AuthHandler, NewPassword, Token, form


class Registration(BaseModel):
    email: Address
    password: NewPassword


class Confirmation(BaseModel):
    token: Token


class Register(AuthHandler):
    page = "auth/register.html"

    def get(self) -> None:
        self.answer(form(Registration), page=self.page)

    async def post(self) -> None:
        wanted = self.body(Registration)
        await self.throttle("register", wanted.email)
        accounts = self.application.get(Accounts)
        letter, token = await accounts.register(wanted.email, wanted.password)
        self.sent("register", wanted.email, letter, token)


class Confirm(AuthHandler):
    """Mail scanners follow links: only the page's button confirms."""

    page = "auth/confirm.html"

    def get(self) -> None:
        self.answer({"token": self.get_query_argument("token", "")}, page=self.page)

    async def post(self) -> None:
        user = await self.application.get(Accounts).confirm(self.body(Confirmation).token)
        self.followed("confirm", user)
        self.done("/auth/login", notice="Your address is confirmed. You can log in now.")


ROUTES = [("/auth/register", Register), ("/auth/confirm", Confirm)]
