"""The bases of the account handlers: records, throttling, mails, and whose account it is."""

import math
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn, cast

import structlog
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, validate_email
from tornado.web import RequestHandler

from app.addresses import network
from app.auth.accounts import Accounts
from app.auth.cookie import Cookie, Device
from app.auth.handlers.codes import demand
from app.auth.models import Account
from app.auth.passwords import LONGEST, acceptable
from app.auth.revocations import CHANGED
from app.auth.sessions import Person, Sessions
from app.auth.settings import AuthSettings
from app.auth.tokens import hashed
from app.database import now
from app.handlers import Handler
from app.mail import Letter, Mailer
from app.oidc import Providers
from app.problems import Problem
from app.throttle import Throttle

RECENT = timedelta(minutes=15)
"""How long a login lets its owner change the account (OWASP ASVS 5.0, 7.5.1)."""

SENT = "We have sent you a mail. Follow the link in it."

log = structlog.get_logger()


def address(text: str) -> str:
    """The one way to write this mail address, however it was typed; `ValueError` for none."""
    if "=?" in text:  # an encoded word (RFC 2047): in a header it would be another address
        raise ValueError("This is no address of mail.")
    _, normalised = validate_email(text.lower())
    return normalised


def address_or_not(text: str) -> str:
    """As `address`, but what is none stays as it is: it is nobody's."""
    with suppress(ValueError):
        return address(text)
    return text


Address = Annotated[str, Field(max_length=320), AfterValidator(address)]
AddressOrNot = Annotated[str, Field(max_length=320), AfterValidator(address_or_not)]
NewPassword = Annotated[str, AfterValidator(acceptable)]
Password = Annotated[str, Field(max_length=LONGEST)]
Token = Annotated[str, Field(max_length=100)]
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\p{Cc}\p{Zl}\p{Zp}]*$"
    ),
]
"""One line: it stands in letters."""


class Naming(BaseModel):
    name: Name


class AuthHandler(Handler):
    """Nothing here is kept by a cache, and everything leaves a line in the log."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self._headers["Cache-Control"] = "no-store"

    @property
    def providers(self) -> dict[str, str]:
        """The names of the providers that people can log in with, and their titles."""
        known = self.application.get(Providers)
        return {name: provider.title for name, provider in known.items()}

    def record(self, event: str, outcome: str, user: str | None = None) -> None:
        """Log who did what from where, and how it ended; never what they sent."""
        log.info(event, outcome=outcome, user=user, address=self.request.remote_ip)

    async def throttle(self, event: str, subject: str | None = None) -> None:
        """Count the attempt, whether or not there is such an account; raises 429.

        Without a subject, where nobody is named yet, only those of the address count.
        """
        settings = self.application.get(AuthSettings)
        from_here = f"{event}:address:{network(self.request.remote_ip or '')}"
        await self.limit(event, from_here, settings.auth_attempts_per_address)
        if subject is None:
            return
        device = self.application.get(Device).of(self, subject)
        about = f"{event}:device:{device}" if device else f"{event}:account:{hashed(subject)}"
        await self.limit(event, about, settings.auth_attempts_per_account)

    async def limit(self, event: str, key: str, most: int) -> None:
        seconds = self.application.get(AuthSettings).auth_attempts_seconds
        if wait := await self.application.get(Throttle).hit(key, most, seconds):
            self.record(event, "throttled")
            headers = {"Retry-After": str(math.ceil(wait))}
            raise Problem(429, "Too many attempts. Try again later.", headers)

    def mail(self, to: str, letter: Letter, **values: str) -> None:
        """Send the letter in the language of who asks; nobody waits for it."""
        values |= {"service": self.application.name, "origin": self.application.config.origin}
        translate = self.application.renderer.translator(self)
        self.application.get(Mailer).send(letter.to(to, values, translate))

    def sent(
        self, event: str, to: str, letter: Letter, token: str, location: str = "/auth/login"
    ) -> None:
        """Mail a link and answer 202: what else there may be to say, only the letter says."""
        self.mail(to, letter, token=token)
        self.record(event, "mailed", self.current_user and self.current_user.id)
        self.set_status(202)
        self.done(location, data={"detail": SENT}, notice=SENT)

    def followed(self, event: str, user: str | None) -> None:
        """Record that a mailed link was used, and by whom; raises 400 if it was not good."""
        self.record(event, "ok" if user else "refused", user)
        if user is None:
            raise Problem(400, "This link was used before or is too old.")

    async def begin_session(
        self, proven: Account, remember: bool, at: datetime | None = None
    ) -> None:
        """Begin a session in place of the one there may be; its token is the answer's cookie.

        One that only goes on is as old as the proof that was given `at` that time.
        Raises 401 if the account has changed since it was `proven`.
        """
        seen = self.request.remote_ip or "", self.request.headers.get("User-Agent", "")
        sessions = self.application.get(Sessions)
        token = await sessions.start(proven, remember, *seen, at)
        if token is None:
            raise Problem(401, CHANGED)
        await self.end_session()
        self.application.get(Cookie).write(self, token, remember)

    async def end_session(self) -> str | None:
        """End the session of the cookie, on every process; the id of its account."""
        token = self.application.get(Cookie).read(self)
        return await self.application.get(Sessions).end(token) if token else None


class Form(AuthHandler):
    """A page with a form; a client that has no page is told what can be sent."""

    takes: type[BaseModel] = BaseModel

    def get(self) -> Any:
        self.answer(self.form(), page=self.page)

    def form(self) -> dict[str, Any]:
        return {"method": "POST", "fields": list(self.takes.model_fields)}


class Entrance(AuthHandler):
    """The end of every way to log in."""

    refusal = "The address or the password is wrong."

    def refuse(self, outcome: str, user: str | None = None) -> NoReturn:
        """Keep somebody out, and tell nobody but the log why."""
        self.record("login", outcome, user)
        raise Problem(401, self.refusal)

    async def let_in(
        self, account: Account, remember: bool, location: str, code: str = "", twice: bool = False
    ) -> None:
        """Begin a session, and answer 200 {id, email} or send a browser on.

        `twice` says that two factors were shown, as by a passkey that knows its owner;
        else who has a second factor must give a code.
        """
        if account.disabled_at:
            self.refuse("disabled", account.id)
        if account.totp_secret and not twice:
            await demand(self, account, code, remember=remember, location=location)
        await self.begin_session(account, remember)
        self.application.get(Device).remember(self, account.email)
        self.record("login", "ok", account.id)
        self.done(location, {"id": account.id, "email": account.email})


class AccountHandler(AuthHandler):
    """About the account of a person who has logged in: an API token is not enough."""

    personal = True
    recent = False
    """Whether the login must be recent, as this changes the account."""
    readable = False
    """Whether a program may look, with its API token."""

    @property
    def person(self) -> Person:
        return cast(Person, self.who)

    async def identify(self) -> None:
        looks = self.request.method in ("GET", "HEAD")
        if not looks and (token := self.application.get(Cookie).read(self)):
            self.application.get(Sessions).doubt(token)  # it may have ended a moment ago
        await super().identify()
        if not isinstance(self.current_user, Person):
            if looks and self.readable:
                return
            raise Problem(403, "A token cannot do this. Log in.")
        if self.recent and not looks:
            self._must_be_recent(self.current_user)

    def _must_be_recent(self, person: Person) -> None:
        if person.proven_at is None or person.proven_at + RECENT < now():
            self.page = "auth/again.html"
            raise Problem(403, "Enter your password again.", code="password_required")

    async def sparingly(self, event: str) -> None:
        """Let nobody do this all the time: it sends a mail, or leaves a row."""
        most = self.application.get(AuthSettings).auth_attempts_per_account
        await self.limit(event, f"{event}:{self.who.id}", most)

    async def prove(self, password: str, event: str) -> Account:
        """The account, by the password once more, throttled as a login is; raises 401."""
        await self.throttle("login", self.person.name)
        account = await self.application.get(Accounts).authenticate(self.person.name, password)
        if account is None or account.id != self.person.id:
            self.record(event, "refused", self.person.id)
            raise Problem(401, "The password is wrong.")
        return account


def deletable(path: str, handler: type[AccountHandler]) -> list[tuple[str, type[AccountHandler]]]:
    """The routes of what DELETE takes away: forms, which cannot say that, POST to `/delete`."""
    methods = dict.fromkeys(("get", "delete"), RequestHandler.get) | {"post": handler.delete}
    return [(path, handler), (f"{path}/delete", type(handler.__name__, (handler,), methods))]
