"""What can be asked of accounts over HTTP, in JSON and by forms."""

import math
from contextlib import suppress
from typing import Annotated, Any

import structlog
from pydantic import AfterValidator, BaseModel, Field, validate_email
from tornado.web import HTTPError

from app.addresses import network
from app.auth.accounts import Accounts
from app.auth.cookie import Cookie
from app.auth.mail import Mailbox, Mailer
from app.auth.passwords import LONGEST, acceptable
from app.auth.sessions import Sessions
from app.auth.settings import AuthSettings
from app.auth.throttle import Throttle
from app.auth.tokens import hashed
from app.handlers import Handler
from app.problems import Problem

SENT = "We have sent you a mail. Follow the link in it."

log = structlog.get_logger()


def address(text: str) -> str:
    """The one way to write this mail address, however it was typed; `ValueError` for none."""
    _, normalised = validate_email(text.lower())
    return normalised


def address_or_not(text: str) -> str:
    """As `address`, but what is none stays as it is: it is nobody's."""
    with suppress(ValueError):
        return address(text)
    return text


class Registration(BaseModel):
    email: Annotated[str, AfterValidator(address)]
    password: Annotated[str, AfterValidator(acceptable)]


class Confirmation(BaseModel):
    token: str = Field(max_length=100)


class Credentials(BaseModel):
    email: Annotated[str, Field(max_length=320), AfterValidator(address_or_not)]
    password: str = Field(max_length=LONGEST)
    remember: bool = False


def form(model: type[BaseModel]) -> dict[str, Any]:
    """What a client that has no page can send."""
    return {"method": "POST", "fields": list(model.model_fields)}


class AuthHandler(Handler):
    """Nothing here is kept by a cache, and everything leaves a line in the log."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def record(self, event: str, outcome: str, user: str | None = None) -> None:
        """Log who did what from where, and how it ended; never what they sent."""
        log.info(event, outcome=outcome, user=user, address=self.request.remote_ip)

    async def throttle(self, event: str, email: str) -> None:
        """Count the attempt, whether or not there is such an account; raises 429."""
        settings, throttle = self.application.get(AuthSettings), self.application.get(Throttle)
        address = network(self.request.remote_ip or "")
        for key, most in (
            (f"{event}:address:{address}", settings.auth_attempts_per_address),
            (f"{event}:account:{hashed(email)}", settings.auth_attempts_per_account),
        ):
            if wait := await throttle.hit(key, most, settings.auth_attempts_seconds):
                self.record(event, "throttled")
                headers = {"Retry-After": str(math.ceil(wait))}
                raise Problem(429, "Too many attempts. Try again later.", headers)


class Register(AuthHandler):
    page = "auth/register.html"

    def get(self) -> None:
        self.answer(form(Registration), page=self.page)

    async def post(self) -> None:
        wanted = self.body(Registration)
        await self.throttle("register", wanted.email)
        await self.application.get(Accounts).register(wanted.email, wanted.password)
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


class Login(AuthHandler):
    page = "auth/login.html"

    def get(self) -> None:
        self.answer(form(Credentials), page=self.page)

    async def post(self) -> None:
        given = self.body(Credentials)
        await self.throttle("login", given.email)
        account = await self.application.get(Accounts).authenticate(given.email, given.password)
        if account is None:
            self.record("login", "refused")
            raise Problem(401, "The address or the password is wrong.")
        sessions, cookie = self.application.get(Sessions), self.application.get(Cookie)
        if old := cookie.read(self):
            await sessions.end(old)
        agent = self.request.headers.get("User-Agent", "")
        address = self.request.remote_ip or ""
        token = await sessions.start(account, given.remember, address, agent)
        self.record("login", "ok", account.id)
        cookie.write(self, token, given.remember)
        data = {"id": account.id, "email": account.email}
        self.done(self.get_argument("next", "/"), data)


class Logout(AuthHandler):
    async def post(self) -> None:
        cookie = self.application.get(Cookie)
        if token := cookie.read(self):
            user = await self.application.get(Sessions).end(token)
            self.record("logout", "ok" if user else "refused", user)
        cookie.clear(self)
        self.done("/", notice="You are logged out.")


class Me(AuthHandler):
    personal = True

    def get(self) -> None:
        who = self.who
        me = {"id": who.id, "email": who.name, "confirmed": True, "second_factors": []}
        self.answer(me, page="auth/me.html")


class DevMail(AuthHandler):
    """The mails that were not sent, for those who develop."""

    def get(self) -> None:
        mailer = self.application.get(Mailer)
        if self.application.config.production or not isinstance(mailer, Mailbox):
            raise HTTPError(404)
        self.answer(mailer.newest_first(), page="auth/mail.html")


ROUTES = [
    ("/auth/register", Register),
    ("/auth/confirm", Confirm),
    ("/auth/login", Login),
    ("/auth/logout", Logout),
    ("/auth/me", Me),
    ("/dev/mail", DevMail),
]
