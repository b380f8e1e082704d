"""Logging in with a provider (OpenID Connect), and connecting one to an account."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field

from app.addresses import network
from app.auth.accounts import Accounts
from app.auth.cookie import Cookie
from app.auth.handlers import base
from app.auth.letters import told
from app.auth.logins import Who, settle
from app.auth.models import ProviderLogin, Ticket
from app.auth.sessions import Person
from app.auth.settings import AuthSettings
from app.auth.tokens import hashed, issue, new_token, redeem
from app.database import Database
from app.oidc import Failure, Providers

WITHIN = timedelta(minutes=10)
STALE = "This login was begun in another browser, or too long ago. Begin again."
DECLINED = "The provider has not let you in. Begin again, or log in in another way."
CONNECTED = told("You can log in with {provider} now")
DISCONNECTED = told("You cannot log in with {provider} any more")


class Going(BaseModel):
    next: str = Field(default="/", max_length=2000)
    remember: bool = False


class AtProvider(base.AuthHandler):
    """What leads to a provider and back, and knows the browser again by a cookie."""

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if isinstance(value, Failure):
            self.record("provider", value.cause)
        super().log_exception(typ, value, tb)

    @property
    def cookie(self) -> Cookie:
        return Cookie(self.application.config.https, "oidc")


class Departure(AtProvider):
    """Sends the browser there, by a page: CSP lets no form be redirected to others."""

    page: str | None = "auth/login.html"

    async def post(self, name: str) -> None:
        provider, going = self.application.get(Providers)[name], self.body(Going)
        most = self.application.get(AuthSettings).auth_attempts_per_address
        await self.limit("provider", f"provider:{network(self.request.remote_ip or '')}", most)
        secret, who = new_token(), self.current_user if self.personal else None
        link = (who.id, who.version) if isinstance(who, Person) else None
        known = {"provider": name, "browser": hashed(secret), "link": link, **going.model_dump()}
        async with self.application.get(Database).writing() as session:
            state = issue(session, "oidc", link[0] if link else "", WITHIN, **known)
        data = {"url": await provider.url(state, secret), "title": provider.title}
        self.cookie.write(self, secret, remember=False)
        self.answer(data, page="auth/oidc.html")


class Connect(base.AccountHandler, Departure):
    """The same, for an account that is to be connected."""

    page, recent = None, True


class Callback(base.Entrance, AtProvider):
    """Where the provider sends the browser back to."""

    page: str | None = "auth/login.html"
    refusal = "This account is closed."

    async def get(self, name: str) -> None:
        provider = self.application.get(Providers)[name]
        secret = self.cookie.read(self) or ""
        self.cookie.clear(self)
        ticket = await self._ticket(name, secret)
        if error := self.get_query_argument("error", None):
            raise Failure(403, DECLINED, error[:40])
        code, issuer = self.get_query_argument("code", ""), self.get_query_argument("iss", None)
        claims = await provider.claims(code, secret, issuer)
        who = Who(claims["iss"], claims["sub"], confirmed(claims))
        database, link = self.application.get(Database), ticket.data["link"]
        account, new = await settle(database, who, link)
        if new:
            self.mail(account.email, CONNECTED, provider=provider.title)
        if not link:
            await self.let_in(account, ticket.data["remember"], ticket.data["next"])
        else:
            self.record("connect", "ok", account.id)
            self.done(ticket.data["next"], notice="You can log in with it from now on.")

    async def _ticket(self, name: str, secret: str) -> Ticket:
        """What was begun in this browser with this provider, by who is still logged in."""
        async with self.application.get(Database).writing() as session:
            ticket = await redeem(session, "oidc", self.get_query_argument("state", ""))
        known = (ticket.data["provider"], ticket.data["browser"]) if ticket else None
        if not ticket or known != (name, hashed(secret)):
            raise Failure(400, STALE, "not this browser's, or too late")
        if link := ticket.data["link"]:
            self.page = None
            await self.identify()
            if not isinstance(self.current_user, Person) or self.current_user.id != link[0]:
                raise Failure(400, STALE, "not whose login is to be connected")
        return ticket


class Connected(base.AccountHandler):
    recent = True

    async def delete(self, login_id: str) -> None:
        removed = await self.application.get(Accounts).remove(self.person, ProviderLogin, login_id)
        self.record("disconnect", "ok", self.who.id)
        self.mail(self.who.name, DISCONNECTED, provider=removed.issuer)
        self.done("/auth/me", notice="You cannot log in with it any more.")


def confirmed(claims: dict[str, Any]) -> str | None:
    """The address, if the provider has confirmed it; some say so in a string."""
    if claims.get("email_verified") in (True, "true"):
        with suppress(ValueError):
            return base.address(str(claims.get("email")))
    return None


NAMED = "/auth/oidc/([a-z][a-z0-9-]*)"
ROUTES = [
    (NAMED, Departure),
    (f"{NAMED}/callback", Callback),
    (f"{NAMED}/connect", Connect),
    *base.deletable("/auth/oidc/links/([0-9a-f]{32})", Connected),
]
