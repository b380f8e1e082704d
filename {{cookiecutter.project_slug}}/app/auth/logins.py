"""Accounts by provider: whose login it is, and connecting one."""

from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.accounts import find
from app.auth.models import Account, ProviderLogin
from app.auth.revocations import CHANGED
from app.database import Database, rows
from app.oidc import Failure

UNCONFIRMED = "The provider has not confirmed your address. Register with a password instead."
ANOTHER = "Your account is connected with another login there. Log in as you did before."
REMOVED = "This login was taken away from its account. Log in as before, and connect it again."
TAKEN = "This login is connected with another account."


Link = tuple[str, int] | list[Any] | None
"""The account that is to be connected, and its version."""


class Who(NamedTuple):
    """Somebody at a provider; an address is one that the provider has confirmed."""

    issuer: str
    subject: str
    email: str | None


async def settle(database: Database, who: Who, link: Link) -> tuple[Account, bool]:
    """Whose account it is, or that which is to be connected, and whether it is so only now.

    Raises `Failure`. Of two at once one comes too late, and then finds what the other has made.
    """
    with suppress(IntegrityError):
        async with database.writing() as session:
            return await _settle(session, who, link)
    async with database.writing() as session:
        return await _settle(session, who, link)


async def _settle(session: AsyncSession, who: Who, link: Link) -> tuple[Account, bool]:
    same = ProviderLogin.issuer == who.issuer, ProviderLogin.subject == who.subject
    known = await session.scalar(select(ProviderLogin).where(*same))
    if known and not known.removed_at:
        if link and link[0] != known.account_id:
            raise Failure(409, TAKEN, "connected with another account")
        return await session.get_one(Account, known.account_id), False
    if known and not link:
        raise Failure(403, REMOVED, "was disconnected")
    account = await _account(session, who, link)
    if known:
        known.account_id, known.removed_at = account.id, None
    elif not account.disabled_at:
        session.add(ProviderLogin(account_id=account.id, **who._asdict()))
    return account, not account.disabled_at


async def _account(session: AsyncSession, who: Who, link: Link) -> Account:
    """The account to connect, else that of the confirmed address, else a new one."""
    if link:
        account = await session.get_one(Account, link[0], with_for_update={"read": True})
        if account.version != link[1]:
            raise Failure(401, CHANGED, "the account was changed meanwhile")
        return account
    if who.email is None:
        raise Failure(403, UNCONFIRMED, "the address is not confirmed")
    if known := await find(session, who.email):
        there = select(ProviderLogin).filter_by(account_id=known.id, issuer=who.issuer)
        if await session.scalar(there.where(ProviderLogin.subject != who.subject)):
            # Addresses are given to others, subjects never (OpenID Connect Core 1.0, 5.7).
            raise Failure(403, ANOTHER, "the account has another subject there")
        return known
    account = Account(email=who.email)
    session.add(account)
    await session.flush()
    return account


async def listed(session: AsyncSession, account_id: str) -> list[dict[str, Any]]:
    """The logins that are connected with the account, the oldest first."""
    one = ProviderLogin
    query = select(one.id, one.issuer.label("provider"), one.email, one.created_at)
    query = query.where(one.account_id == account_id, one.removed_at.is_(None))
    return await rows(session, query.order_by(one.created_at))
