"""Accounts: registering, confirming the address, and telling who somebody is."""

from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Select, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from tornado.web import HTTPError

from app.auth.letters import letter
from app.auth.models import Account, ApiToken, Passkey, ProviderLogin, Session, Ticket
from app.auth.passwords import Passwords
from app.auth.revocations import Revocations
from app.auth.sessions import Person
from app.auth.tokens import good, issue, redeem, void
from app.database import Database, Unavailable, now
from app.mail import Letter
from app.problems import Problem

Way = TypeVar("Way", Passkey, ProviderLogin)

CONFIRM_WITHIN = timedelta(days=1)
RESET_WITHIN = timedelta(minutes=30)
CONFIRM, TAKEN, RESET, UNKNOWN, MOVE = map(letter, ("confirm", "taken", "reset", "unknown", "move"))


class Accounts:
    """The accounts of the service, and what proves that somebody owns one."""

    def __init__(self, database: Database, passwords: Passwords, revocations: Revocations) -> None:
        self._database, self._passwords, self._revocations = database, passwords, revocations

    async def register(self, email: str, password: str) -> tuple[Letter, str]:
        """The letter that makes the account, or tells its owner that there is one, and a token.

        The same work is done for both, so that neither answer nor time tells which. The last
        link is void if this is its password; else it was asked for by somebody else.
        """
        password_hash = await self._passwords.hash(password)
        before = await self._repeated(email, password)
        async with self._database.writing() as session:
            await session.execute(delete(Ticket).where(Ticket.token_hash == before))
            taken = await find(session, email) is not None
            purpose = "taken" if taken else "confirm"
            token = issue(session, purpose, email, CONFIRM_WITHIN, password_hash=password_hash)
        return TAKEN if taken else CONFIRM, token

    async def _repeated(self, email: str, password: str) -> str:
        """Which ticket has this password, if the last one has; as slow if there is none."""
        which = Ticket.subject == email, Ticket.purpose.in_(("confirm", "taken"))
        newest = select(Ticket).where(*which).order_by(Ticket.expires_at.desc()).limit(1)
        async with self._database.reading() as session:
            ticket = await session.scalar(newest)
        known = ticket.data["password_hash"] if ticket else None
        same = await self._passwords.verify(password, known)
        return ticket.token_hash if ticket and same else ""

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
            await self._rehash(account, password)
        return account

    async def forgot(self, email: str) -> tuple[Letter, str]:
        """The letter with a link to a new password, or that there is no account, and a token.

        The same work is done for both, so that neither answer nor time tells which.
        """
        async with self._database.writing() as session:
            account = await session.scalar(of(email).with_for_update())
            may = account is not None and account.disabled_at is None
            subject, purpose = (account.id, "reset") if account and may else (email, "unknown")
            await void(session, subject, purpose)
            token = issue(session, purpose, subject, RESET_WITHIN, email=email)
        return RESET if may else UNKNOWN, token

    async def reset(self, token: str, password: str) -> tuple[str, str] | None:
        """Set the password and end all that acts for the account: its id and address, or None."""
        whose = select(Ticket.subject).where(*good("reset", token))
        async with self._database.reading() as session:
            if await session.scalar(whose) is None:  # no token is guessed: its time tells nothing
                return None
        password_hash = await self._passwords.hash(password)
        async with self._revocations.ending(Account.id.in_(whose), Session, ApiToken) as session:
            account, email = await holder(session, "reset", token)
            if account is None or account.email != email:
                return None
            account.password_hash = password_hash
        return account.id, email

    async def change_password(self, who: Person, current: str, new: str) -> Account | None:
        """Set the password and end the account's sessions; None if the current one is wrong."""
        proven = await self.authenticate(who.name, current)
        if proven is None or proven.id != who.id:
            return None
        password_hash = await self._passwords.hash(new)
        async with self._revocations.ending(proven) as session:
            account = await session.get_one(Account, who.id)
            account.password_hash = password_hash
        return account

    async def move(self, account_id: str, email: str) -> tuple[Letter, str]:
        """The letter that moves the account to this address, or tells its owner, and a token."""
        async with self._database.writing() as session:
            taken = await find(session, email) is not None
            purpose = "taken" if taken else "email"
            await void(session, account_id, "email", "taken")
            token = issue(session, purpose, account_id, CONFIRM_WITHIN, email=email)
        return TAKEN if taken else MOVE, token

    async def confirm_move(self, token: str) -> tuple[str, str] | None:
        """Move the account, once: its id and the address that it had, or None for a bad token."""
        try:
            async with self._database.writing() as session:
                account, email = await holder(session, "email", token)
                if account is None:
                    return None
                old, account.email = account.email, email
                await void(session, account.id)
        except IntegrityError:  # the address has been taken meanwhile
            return None
        return account.id, old

    async def delete(self, who: Person) -> None:
        """Delete the account and, as each refers to it, everything that it has."""
        async with self._revocations.ending(who, Session, ApiToken) as session:
            await session.execute(delete(Account).where(Account.id == who.id))

    async def remove(self, who: Person, way: type[Way], id: str) -> Way:
        """Take away a way to log in; who has it may have sessions by it: all but this one end.

        Raises 404, or 409 where nothing would be left to log in with.
        """
        this = [way.id == id, way.account_id == who.id]
        gone: Any = delete(way).where(*this)
        if way is ProviderLogin:  # it is known on, else its next login would connect it again
            this.append(ProviderLogin.removed_at.is_(None))
            gone = update(way).where(*this).values(removed_at=now())
        async with self._revocations.ending(who, keep=who.session) as session:
            removed: Way | None = await session.scalar(gone.returning(way))
            if removed is None:
                raise HTTPError(404)
            account = await session.get_one(Account, who.id)
            provider = ProviderLogin.account_id == who.id, ProviderLogin.removed_at.is_(None)
            left = exists().where(Passkey.account_id == who.id), exists().where(*provider)
            if not account.password_hash and not await session.scalar(select(or_(*left))):
                raise Problem(409, "This is your only way to log in. Choose a password first.")
        return removed

    async def _rehash(self, account: Account, password: str) -> None:
        """Keep the password as it is kept today; one that was changed meanwhile stays."""
        password_hash = await self._passwords.hash(password)
        with suppress(Unavailable):  # there will be another login
            async with self._database.writing() as session:
                same = Account.id == account.id, Account.password_hash == account.password_hash
                new = update(Account).where(*same).values(password_hash=password_hash)
                await session.execute(new)
            account.password_hash = password_hash


async def find(session: AsyncSession, email: str) -> Account | None:
    return await session.scalar(of(email))


def of(email: str) -> Select[Account]:
    return select(Account).where(Account.email == email)


async def holder(session: AsyncSession, purpose: str, token: str) -> tuple[Account | None, str]:
    """Whose token this is, which is used up, and the address that it was issued for.

    The account is locked first: two of its tokens at once must not wait for each other.
    """
    its = select(Ticket.subject).where(*good(purpose, token))
    which = Account.id.in_(its), Account.disabled_at.is_(None)
    account = await session.scalar(select(Account).where(*which).with_for_update())
    proof = await redeem(session, purpose, token)
    return (account, proof.data["email"]) if proof else (None, "")
