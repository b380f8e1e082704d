"""Registering, and confirming the address by the mail's link."""

from pydantic import BaseModel

from app.auth.accounts import Accounts
from app.auth.handlers.base import Address, AuthHandler, NewPassword, Token, form
from app.problems import Problem

SENT = "We have sent you a mail. Follow the link in it."


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
        self.mail(wanted.email, letter, token=token)
        self.record("register", "mailed")
        self.set_status(202)
        self.done("/auth/login", data={"detail": SENT}, notice=SENT)


class Confirm(AuthHandler):
    """Mail scanners follow links: only the page's button confirms."""

    page = "auth/confirm.html"

    def get(self) -> None:
        self.answer({"token": self.get_query_argument("token", "")}, page=self.page)

    async def post(self) -> None:
        user = await self.application.get(Accounts).confirm(self.body(Confirmation).token)
        self.record("confirm", "ok" if user else "refused", user)
        if user is None:
            raise Problem(400, "This link was used before or is too old.")
        self.done("/auth/login", notice="Your address is confirmed. You can log in now.")


ROUTES = [("/auth/register", Register), ("/auth/confirm", Confirm)]
