"""Codes: how they are typed, and the one that a login needs besides a password."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from app.auth.models import Account
from app.auth.totp import USED, Totp
from app.problems import Problem

if TYPE_CHECKING:
    from app.auth.handlers.base import AuthHandler

MOST = 5
"""Codes that may be tried on one account in a while; who has not shown the first factor cannot
come so far, and so not keep the owner out."""

NEEDED = "second_factor_required"


def plain(code: str) -> str:
    """The code without what stands between its characters; pyotp minds how wide they are."""
    return "".join(filter(str.isalnum, code)).upper()


Code = Annotated[str, Field(max_length=100), AfterValidator(plain)]


async def demand(handler: "AuthHandler", account: Account, code: str, **then: Any) -> None:
    """Use the code up, or ask for it with a ticket, so that no page holds the password."""
    totp = handler.application.get(Totp)
    if not code:
        handler.page, ticket = "auth/code.html", await totp.ask(account, **then)
        handler.record("login", "second factor asked", account.id)
        detail = "Enter a code of your authenticator app, too."
        raise Problem(401, detail, code=NEEDED, ticket=ticket)
    await handler.limit("login", f"second_factor:{account.id}", MOST)
    taken = await totp.take(account.id, code)
    if taken is None:
        handler.record("login", "second factor refused", account.id)
        raise Problem(401, "The code is wrong.", code=NEEDED)
    if taken == "recovery":
        handler.mail(account.email, USED, left=str(await totp.codes_left(account.id)))
