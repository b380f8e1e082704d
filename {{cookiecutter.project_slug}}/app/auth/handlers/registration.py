"""Addresses of mail: registering with one, moving to another, and confirming it by a link."""

from pydantic import BaseModel

from app.auth.accounts import Accounts
from app.auth.handlers.base import AccountHandler, Address, Form, NewPassword, Token
from app.auth.letters import told

MOVING = told("Another address was asked for: {address}")
MOVED = told("The address of your account was changed", "gone")


class Registration(BaseModel):
    email: Address
    password: NewPassword


class Confirmation(BaseModel):
    token: Token


class Register(Form):
    page, takes = "auth/register.html", Registration

    async def post(self) -> None:
        wanted = self.body(Registration)
        await self.throttle("register", wanted.email)
        accounts = self.application.get(Accounts)
        letter, token = await accounts.register(wanted.email, wanted.password)
        self.sent("register", wanted.email, letter, token)


class Confirm(Form):
    """Mail scanners follow links: only the page's button confirms."""

    page, takes = "auth/confirm.html", Confirmation

    async def post(self) -> None:
        user = await self.application.get(Accounts).confirm(self.body(Confirmation).token)
        self.followed("confirm", user)
        self.done("/auth/login", notice="Your address is confirmed. You can log in now.")


class NewAddress(BaseModel):
    email: Address


class Email(Form, AccountHandler):
    page, takes, recent = "auth/email.html", NewAddress, True

    async def post(self) -> None:
        email = self.body(NewAddress).email
        await self.throttle("email", email)
        letter, token = await self.application.get(Accounts).move(self.person.id, email)
        self.mail(self.person.name, MOVING, address=email)
        self.sent("email", email, letter, token, "/auth/me")


class ConfirmMove(Form):
    """The new address is proven by its mail, whether or not that is read where one is logged in."""

    page, takes = "auth/email_confirm.html", Confirmation

    async def post(self) -> None:
        moved = await self.application.get(Accounts).confirm_move(self.body(Confirmation).token)
        user, old = moved or (None, "")
        self.followed("email confirm", user)
        self.mail(old, MOVED)
        self.done("/auth/me", notice="Your address is changed.")


ROUTES = [
    ("/auth/register", Register),
    ("/auth/confirm", Confirm),
    ("/auth/email", Email),
    ("/auth/email/confirm", ConfirmMove),
]
