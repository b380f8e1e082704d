"""Another address of mail for an account."""

from pydantic import BaseModel

from app.auth.accounts import Accounts
from app.auth.handlers.base import AccountHandler, Address, AuthHandler, form
from app.auth.handlers.registration import Confirmation
from app.auth.letters import told

MOVED = told("The address of your account was changed")


class NewAddress(BaseModel):
    email: Address


class Email(AccountHandler):
    recent = True
    page = "auth/email.html"

    def get(self) -> None:
        self.answer(form(NewAddress), page=self.page)

    async def post(self) -> None:
        email = self.body(NewAddress).email
        await self.throttle("email", email)
        letter, token = await self.application.get(Accounts).move(self.person.id, email)
        self.sent("email", email, letter, token, "/auth/me")


class Confirm(AuthHandler):
    """The new address is proven by its mail, whether or not that is read where one is logged in."""

    page = "auth/email_confirm.html"

    def get(self) -> None:
        self.answer(form(Confirmation), page=self.page)

    async def post(self) -> None:
        moved = await self.application.get(Accounts).confirm_move(self.body(Confirmation).token)
        user, old = moved or (None, "")
        self.followed("email confirm", user)
        self.mail(old, MOVED)
        self.done("/auth/me", notice="Your address is changed.")


ROUTES = [("/auth/email", Email), ("/auth/email/confirm", Confirm)]
