"""Passwords: choosing a new one, by a mailed link or by the one that is known."""

from pydantic import BaseModel

from app.auth.accounts import Accounts
from app.auth.cookie import Device
from app.auth.handlers.base import AccountHandler, Address, Form, NewPassword, Password, Token
from app.auth.letters import told
from app.problems import Problem

CHANGED = told("Your password was changed")
WRONG = "The password is wrong."


class Forgotten(BaseModel):
    email: Address


class Chosen(BaseModel):
    token: Token
    password: NewPassword


class Changed(BaseModel):
    current: Password
    new: NewPassword


class Forgot(Form):
    page, takes = "auth/forgot.html", Forgotten

    async def post(self) -> None:
        email = self.body(Forgotten).email
        await self.throttle("forgot", email)
        letter, token = await self.application.get(Accounts).forgot(email)
        self.sent("forgot", email, letter, token)


class Reset(Form):
    """A new password is no login, and no second factor: both are still asked for."""

    page, takes = "auth/reset.html", Chosen

    async def post(self) -> None:
        given = self.body(Chosen)
        await self.throttle("reset", given.token)
        reset = await self.application.get(Accounts).reset(given.token, given.password)
        user, email = reset or (None, "")
        self.followed("reset", user)
        self.mail(email, CHANGED)
        self.application.get(Device).remember(self, email)
        self.done("/auth/login", notice="Your password is changed. You can log in now.")


class Change(Form, AccountHandler):
    page, takes = "auth/password.html", Changed

    async def post(self) -> None:
        person, given = self.person, self.body(Changed)
        await self.throttle("login", person.name)
        accounts = self.application.get(Accounts)
        account = await accounts.change_password(person, given.current, given.new)
        self.record("password", "ok" if account else "refused", person.id)
        if account is None:
            raise Problem(401, WRONG, errors={"current": WRONG})
        self.mail(account.email, CHANGED)
        await self.begin_session(account, person.remembered)
        self.done("/auth/me", notice="Your password is changed.")


ROUTES = [("/auth/forgot", Forgot), ("/auth/reset", Reset), ("/auth/password", Change)]
