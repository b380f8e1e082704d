"""Turning the second factor on and off, by its owner."""

from typing import Any

from pydantic import BaseModel

from app.auth.handlers.base import AccountHandler, Form
from app.auth.handlers.codes import MOST, Code
from app.auth.handlers.login import OnceMore
from app.auth.totp import OFF, ON, RENEWED, Totp
from app.mail import Letter
from app.problems import Invalid


class Confirmation(BaseModel):
    code: Code


class Owner(Form, AccountHandler):
    def get(self) -> Any:
        """A page that was the answer to a form is not shown again by its address."""
        self.done("/auth/totp", self.form())

    @property
    def totp(self) -> Totp:
        return self.application.get(Totp)

    def tell(self, outcome: str, letter: Letter) -> None:
        self.record("totp", outcome, self.person.id)
        self.mail(self.person.name, letter)


class Removal(Owner):
    takes = OnceMore

    async def post(self) -> None:
        self.page = "auth/totp.html"
        proven = await self.prove(self.body(OnceMore).password, "totp")
        await self.begin_session(await self.totp.disable(proven), self.person.remembered)
        self.tell("off", OFF)
        self.done("/auth/totp", notice="Your second factor is off.")


class State(Removal):
    """POST proposes a secret, DELETE takes away what there is."""

    delete = Removal.post

    async def get(self) -> None:
        left = await self.totp.codes_left(self.person.id)
        enabled = "totp" in self.person.second_factors
        self.answer({"enabled": enabled, "recovery_codes_left": left}, page="auth/totp.html")

    async def post(self) -> None:
        self._must_be_recent(self.person)  # DELETE brings the password along
        await self.sparingly("totp_proposal")
        proposed = await self.totp.propose(self.person.id)
        names = {"name": self.person.name, "issuer_name": self.application.name}
        self.record("totp", "proposed", self.person.id)
        data = {"secret": proposed.secret, "uri": proposed.provisioning_uri(**names)}
        self.answer(data, page="auth/totp_setup.html")


class Confirm(Owner):
    """The code shows that the app has the secret; from here on all logins need one."""

    takes, recent = Confirmation, True

    async def post(self) -> None:
        self.page = "auth/totp_setup.html"
        code = self.body(Confirmation).code
        await self.limit("totp", f"totp:{self.person.id}", MOST)
        enabled = await self.totp.enable(self.person, code)
        if enabled is None:
            self.record("totp", "refused", self.person.id)
            raise Invalid({"code": "The code is wrong."})
        account, codes = enabled
        await self.begin_session(account, self.person.remembered, self.person.proven_at)
        self.tell("on", ON)
        self.answer({"recovery_codes": codes}, page="auth/recovery.html")


class Recovery(Owner):
    recent = True

    async def post(self) -> None:
        await self.sparingly("recovery")
        codes = await self.totp.new_codes(self.person.id)
        self.tell("new recovery codes", RENEWED)
        self.answer({"recovery_codes": codes}, page="auth/recovery.html")


ROUTES = [
    ("/auth/totp", State),
    ("/auth/totp/delete", Removal),
    ("/auth/totp/confirm", Confirm),
    ("/auth/totp/recovery", Recovery),
]
