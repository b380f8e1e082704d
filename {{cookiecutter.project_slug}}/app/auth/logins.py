"""Accounts by provider: whose login it is, and connecting one."""

from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.accounts import find
from app.auth.models import Account, ProviderLogin
from app.database import Database, rows
from app.oidc import Failure

UNCONFIRMED = "The provider has not confirmed your address. Register with a password instead."
ANOTHER = "Your account is connected with another login there. Log in as you did before."
TAKEN = "This login is connected with another account."


class Who(NamedTuple):
    """Somebody at a provider; an address is one that the provider has confirmed."""

    issuer: str
    subject: str
    email: str | None


async def settle(database: Database, who: Who, account_id: str | None) -> tuple[Account, bool]:
    """Whose account it is, or that which is to be connected, and whether it is so only now.

    Raises `Failure`. Of two at once one comes too late, and then finds what the other has made.
    """
    with suppress(IntegrityError):
        async with database.writing() as session:
            return await _settle(session, who, account_id)
    async with database.writing() as session:
        return await _settle(session, who, account_id)


async def _settle(session: AsyncSession, who: Who, account_id: str | None) -> tuple[Account, bool]:
    same = ProviderLogin.issuer == who.issuer, ProviderLogin.subject == who.subject
    if known := await session.scalar(select(Account).join(ProviderLogin).where(*same)):
        if account_id not in (None, known.id):
            raise Failure(409, TAKEN, "connected with another account")
        return known, False
    account = await _account(session, who, account_id)
    if not account.disabled_at:
        session.add(ProviderLogin(account_id=account.id, **who._asdict()))
    return account, not account.disabled_at


async def _account(session: AsyncSession, who: Who, account_id: str | None) -> Account:
    """The account to connect, else that of the confirmed address, else a new one."""
    if account_id:
        return await session.get_one(Account, account_id)
    if who.email is None:
        raise Failure(403, UNCONFIRMED, "the address is not confirmed")
    if account := await find(session, who.email):
        there = select(ProviderLogin).filter_by(account_id=account.id, issuer=who.issuer)
        if await session.scalar(there.where(ProviderLogin.subject != who.subject)):
            # Addresses are given to others, subjects never (OpenID Connect Core 1.0, 5.7).
            raise Failure(403, ANOTHER, "the account has another subject there")
        return account
    account = Account(email=who.email)
    session.add(account)
    await session.flush()
    return account


async def listed(session: AsyncSession, account_id: str) -> list[dict[str, Any]]:
    """The logins that are connected with the account, the oldest first."""
    one = ProviderLogin
    query = select(one.id, one.issuer.label("provider"), one.email, one.created_at)
    return await rows(session, query.where(one.account_id == account_id).order_by(one.created_at))
