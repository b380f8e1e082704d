"""Accounts: registering, confirming the address, and telling who somebody is."""

from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.letters import Letter
from app.auth.models import Account
from app.auth.passwords import Passwords
from app.auth.tokens import issue, redeem, void
from app.database import Database, Unavailable

CONFIRM_WITHIN = timedelta(days=1)
CONFIRM = Letter(
    "Confirm your address",
    (
        "Welcome to {service}.",
        "Follow this link within a day to confirm your address:",
        "{origin}/auth/confirm?token={token}",
        "If you have not registered, do nothing: without the link there is no account.",
    ),
)
TAKEN = Letter(
    "You have an account already",
    (
        "Somebody has tried to register at {service} with this address.",
        "You have an account already, so nothing has changed. If it was you, log in:",
        "{origin}/auth/login",
    ),
)


class Accounts:
    """The accounts of the service, and what proves that somebody owns one."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database, self._passwords = database, passwords

    async def register(self, email: str, password: str) -> tuple[Letter, str]:
        """The letter that makes the account, or tells its owner that there is one, and a token.

        The same work is done for both, so that neither answer nor time tells which.
        """
        password_hash = await self._passwords.hash(password)
        async with self._database.writing() as session:
            taken = await find(session, email) is not None
            purpose = "taken" if taken else "confirm"
            token = issue(session, purpose, email, CONFIRM_WITHIN, password_hash=password_hash)
        return TAKEN if taken else CONFIRM, token

    async def confirm(self, token: str) -> str | None:
        """Make the account, once; its id, or None for a token that is not good (any more)."""
        try:
            async with self._database.writing() as session:
                proof = await redeem(session, "confirm", token)
                if proof is None:
                    return None
                account = Account(email=proof.subject, password_hash=proof.data["password_hash"])
                session.add(account)
        except IntegrityError:  # another link of the same address was followed first
            return None
        with suppress(Unavailable):  # without it they expire
            async with self._database.writing() as session:  # in one transaction two would deadlock
                await void(session, account.email, "confirm", "taken")
        return account.id

    async def authenticate(self, email: str, password: str) -> Account | None:
        """The account, if this is its password; as slow if there is none. It may be disabled."""
        async with self._database.reading() as session:
            account = await find(session, email)
        known = account.password_hash if account else None
        if not await self._passwords.verify(password, known):
            return None
        if account and known and self._passwords.is_old(known):
            await self._rehash(account.id, known, password)
        return account

    async def _rehash(self, account_id: str, known: str, password: str) -> None:
        """Keep the password as it is kept today; one that was changed meanwhile stays."""
        password_hash = await self._passwords.hash(password)
        which = update(Account).where(Account.id == account_id, Account.password_hash == known)
        with suppress(Unavailable):  # there will be another login
            async with self._database.writing() as session:
                await session.execute(which.values(password_hash=password_hash))


async def find(session: AsyncSession, email: str) -> Account | None:
    return await session.scalar(select(Account).where(Account.email == email))
