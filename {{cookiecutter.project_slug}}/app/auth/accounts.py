"""Accounts: registering, confirming the address, and telling who somebody is."""

from contextlib import suppress
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.mail import Mail, Mailer
from app.auth.models import Account, MailToken
from app.auth.passwords import Passwords
from app.auth.tokens import hashed, new_token
from app.database import Database, Unavailable, now

CONFIRM = timedelta(days=1)
CONFIRM_TEXT = """Welcome to {service}.

Follow this link within a day to confirm your address:

{origin}/auth/confirm?token={token}

If you have not registered, do nothing: without the link there is no account.
"""
TAKEN_TEXT = """Somebody has tried to register at {service} with this address.

You have an account already, so nothing has changed. If it was you, log in:

{origin}/auth/login
"""


class Accounts:
    """The accounts of the service; links lead to `origin`, whatever host a request asked for."""

    def __init__(
        self, database: Database, passwords: Passwords, mailer: Mailer, service: str, origin: str
    ) -> None:
        self._database, self._passwords, self._mailer = database, passwords, mailer
        self._words = {"service": service, "origin": origin}

    async def register(self, email: str, password: str) -> None:
        """Mail a link that makes the account, or tell the owner that there is one.

        The same work is done for both, so that neither answer nor time tells which.
        """
        password_hash = await self._passwords.hash(password)
        async with self._database.writing() as session:
            taken = await _find(session, email) is not None
            purpose = "taken" if taken else "confirm"
            token = issue(session, purpose, email, CONFIRM, password_hash)
        text = (TAKEN_TEXT if taken else CONFIRM_TEXT).format(token=token, **self._words)
        subject = "You have an account already" if taken else "Confirm your address"
        self._mailer.send(Mail(email, subject, text))

    async def confirm(self, token: str) -> str | None:
        """Make the account, once; its id, or None for a token that is not good (any more)."""
        try:
            async with self._database.writing() as session:
                proof = await redeem(session, "confirm", token)
                if proof is None or proof.password_hash is None:
                    return None
                account = Account(email=proof.email, password_hash=proof.password_hash)
                session.add(account)
        except IntegrityError:  # another link of the same address was followed first
            return None
        await self._forget_links(proof.email)
        return account.id

    async def authenticate(self, email: str, password: str) -> Account | None:
        """The account, if this is its password; as slow if there is none."""
        async with self._database.reading() as session:
            account = await _find(session, email)
        known = account.password_hash if account else None
        return account if await self._passwords.verify(password, known) else None

    async def _forget_links(self, email: str) -> None:
        """Delete the address's other links: in a transaction of its own, as two would deadlock."""
        links = delete(MailToken).where(MailToken.email == email)
        with suppress(Unavailable):  # without it they expire
            async with self._database.writing() as session:
                await session.execute(links.where(MailToken.purpose.in_(["confirm", "taken"])))


def issue(
    session: AsyncSession,
    purpose: str,
    email: str,
    lifetime: timedelta,
    password_hash: str | None = None,
) -> str:
    """A new token for a link; only its hash is kept."""
    token = new_token()
    session.add(
        MailToken(
            token_hash=hashed(token),
            purpose=purpose,
            email=email,
            password_hash=password_hash,
            expires_at=now() + lifetime,
        )
    )
    return token


async def redeem(session: AsyncSession, purpose: str, token: str) -> MailToken | None:
    """What the token proves; of those who come with it at once, one gets it."""
    return await session.scalar(
        delete(MailToken)
        .where(
            MailToken.token_hash == hashed(token),
            MailToken.purpose == purpose,
            MailToken.expires_at > now(),
        )
        .returning(MailToken)
    )


async def _find(session: AsyncSession, email: str) -> Account | None:
    return await session.scalar(select(Account).where(Account.email == email))
