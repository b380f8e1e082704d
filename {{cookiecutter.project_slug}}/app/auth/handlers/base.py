"""The bases of the account handlers: records, throttling, mails, and whose account it is."""

import math
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, NoReturn, cast

import structlog
from pydantic import AfterValidator, BaseModel, Field, validate_email
from tornado.web import HTTPError

from app.addresses import network
from app.auth.cookie import Cookie, Device
from app.auth.letters import Letter
from app.auth.mail import Mailer
from app.auth.models import Account
from app.auth.oidc import Providers
from app.auth.passwords import LONGEST, acceptable
from app.auth.sessions import Person, Sessions
from app.auth.settings import AuthSettings
from app.auth.throttle import Throttle
from app.auth.tokens import hashed
from app.database import now
from app.handlers import Handler
from app.problems import Problem

RECENT = timedelta(minutes=15)
"""How long a login lets its owner change the account (OWASP ASVS 5.0, 7.5.1)."""

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


Address = Annotated[str, Field(max_length=320), AfterValidator(address)]
AddressOrNot = Annotated[str, Field(max_length=320), AfterValidator(address_or_not)]
NewPassword = Annotated[str, AfterValidator(acceptable)]
Password = Annotated[str, Field(max_length=LONGEST)]
Token = Annotated[str, Field(max_length=100)]


def form(model: type[BaseModel], **more: Any) -> dict[str, Any]:
    """What a client that has no page can send."""
    return {"method": "POST", "fields": list(model.model_fields), **more}


class AuthHandler(Handler):
    """Nothing here is kept by a cache, and everything leaves a line in the log."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    @property
    def providers(self) -> dict[str, str]:
        """The names of the providers that people can log in with, and their titles."""
        known = self.application.get(Providers)
        return {name: provider.title for name, provider in known.items()}

    def record(self, event: str, outcome: str, user: str | None = None) -> None:
        """Log who did what from where, and how it ended; never what they sent."""
        log.info(event, outcome=outcome, user=user, address=self.request.remote_ip)

    async def throttle(self, event: str, subject: str) -> None:
        """Count the attempt, whether or not there is such an account; raises 429."""
        settings = self.application.get(AuthSettings)
        from_here = f"{event}:address:{network(self.request.remote_ip or '')}"
        await self.limit(event, from_here, settings.auth_attempts_per_address)
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
        translate = self.application.renderer.translation(self)
        self.application.get(Mailer).send(letter.to(to, values, translate))

    async def begin_session(self, account_id: str, remember: bool) -> None:
        """Begin a session in place of the one there may be; its token is the answer's cookie."""
        sessions, cookie = self.application.get(Sessions), self.application.get(Cookie)
        await self.end_session()
        agent = self.request.headers.get("User-Agent", "")
        token = await sessions.start(account_id, remember, self.request.remote_ip or "", agent)
        cookie.write(self, token, remember)

    async def end_session(self) -> str | None:
        """End the session of the cookie, on every process; the id of its account."""
        token = self.application.get(Cookie).read(self)
        return await self.application.get(Sessions).end(token) if token else None


class Entrance(AuthHandler):
    """The end of every way to log in."""

    refusal = "The address or the password is wrong."

    def refuse(self, outcome: str, user: str | None = None) -> NoReturn:
        """Keep somebody out, and tell nobody but the log why."""
        self.record("login", outcome, user)
        raise Problem(401, self.refusal)

    async def let_in(self, account: Account, remember: bool, location: str = "/") -> None:
        """Begin a session, and answer 200 {id, email} or send a browser on."""
        if account.disabled_at:
            self.refuse("disabled", account.id)
        await self.begin_session(account.id, remember)
        self.application.get(Device).remember(self, account.email)
        self.record("login", "ok", account.id)
        self.done(location, {"id": account.id, "email": account.email})


class AccountHandler(AuthHandler):
    """About the account of a person who has logged in: an API token is not enough."""

    personal = True
    recent = False
    """Whether the login must be recent, as this changes the account."""

    @property
    def person(self) -> Person:
        return cast(Person, self.who)

    async def identify(self) -> None:
        await super().identify()
        if not isinstance(self.current_user, Person):
            raise Problem(403, "A token cannot do this. Log in.")
        if self.recent and self.request.method not in ("GET", "HEAD"):
            self._must_be_recent(self.current_user)

    def _must_be_recent(self, person: Person) -> None:
        if person.proven_at is None or person.proven_at + RECENT < now():
            self.page = "auth/again.html"
            raise Problem(403, "Enter your password again.", code="password_required")


class Deletable(AccountHandler):
    """What DELETE takes away; forms, which cannot say that, POST to the same path and `/delete`."""

    def post(self, *arguments: str) -> Any:
        if not self.request.path.endswith("/delete"):
            raise HTTPError(405)
        return self.delete(*arguments)


def deletable(path: str, handler: type[Deletable]) -> list[tuple[str, type[Deletable]]]:
    """The routes of what can be deleted."""
    return [(path, handler), (f"{path}/delete", handler)]
