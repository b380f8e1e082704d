"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and what stands in for it."""

import secrets
from base64 import b32encode
from datetime import timedelta
from typing import Any, Literal

import pyotp
import structlog
from pyotp.utils import strings_equal
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.letters import told
from app.auth.models import Account, RecoveryCode, Ticket
from app.auth.revocations import Revocations
from app.auth.seal import seal, unseal
from app.auth.sessions import Person
from app.auth.tokens import hashed, issue, void
from app.database import Database, now
from app.problems import Problem

SET_UP_WITHIN = timedelta(minutes=10)
LOG_IN_WITHIN = timedelta(minutes=5)
STEP_SECONDS = 30
RECOVERY_BYTES = 15
"""120 bits: from 112 on a fast hash is enough (OWASP ASVS 5.0, 6.5.2)."""

ON = told("Your second factor was turned on")
OFF = told("Your second factor was turned off")
RENEWED = told("You have new recovery codes")
USED = told("A recovery code was used: {left} are left")

log = structlog.get_logger()


class Totp:
    """The second factors of all accounts; what changes one ends the account's sessions."""

    def __init__(self, database: Database, revocations: Revocations, key: str) -> None:
        self._database, self._revocations = database, revocations
        self._key = key

    async def propose(self, account_id: str) -> pyotp.TOTP:
        """A new secret, good for nothing until `enable`; raises 409 if one is in use."""
        proposed = pyotp.TOTP(pyotp.random_base32())
        sealed = seal(proposed.secret, self._key, f"totp:{account_id}")
        async with self._database.writing() as session:
            await _locked(session, account_id, enabled=False)
            await void(session, account_id, "totp")
            issue(session, "totp", account_id, SET_UP_WITHIN, secret=sealed)
        return proposed

    async def enable(self, who: Account | Person, code: str) -> tuple[Account, list[str]] | None:
        """Recovery codes, if this is a code of the secret proposed, which stays if it is not.

        Raises 409 if none is.
        """
        mine = (Ticket.subject == who.id, Ticket.purpose == "totp", Ticket.expires_at > now())
        async with self._database.reading() as session:
            proposed = await session.scalar(select(Ticket.data).where(*mine))
        if proposed is None:
            raise Problem(409, "There is nothing to confirm. Begin anew.")
        step = self._step_of(who.id, proposed["secret"], code)
        if step is None:
            return None
        async with self._revocations.ending(who) as session:
            account = await _locked(session, who.id, enabled=False)
            account.totp_secret, account.totp_step = proposed["secret"], step
            return account, await _new_codes(session, who.id)

    async def disable(self, proven: Account) -> Account:
        """Raises 409 if there is none."""
        async with self._revocations.ending(proven) as session:
            account = await _locked(session, proven.id, enabled=True)
            account.totp_secret = None
            await _new_codes(session, proven.id, 0)
        return account

    async def new_codes(self, account_id: str) -> list[str]:
        """Recovery codes in place of those that there are; raises 409 without a second factor."""
        async with self._database.writing() as session:
            await _locked(session, account_id, enabled=True)
            return await _new_codes(session, account_id)

    async def codes_left(self, account_id: str) -> int:
        mine = select(func.count()).where(RecoveryCode.account_id == account_id)
        async with self._database.reading() as session:
            return await session.scalar(mine) or 0

    async def ask(self, proven: Account, **then: Any) -> str:
        """A ticket for who has proven all but the second factor."""
        known = {"version": proven.version, "then": then}
        async with self._database.writing() as session:
            return issue(session, "second_factor", proven.id, LOG_IN_WITHIN, **known)

    async def asked(self, token: str) -> tuple[Account, dict[str, Any]] | None:
        """Whose ticket this is, and what comes `then`; it is good until a code was."""
        query = select(Account, Ticket.data).join(Ticket, Ticket.subject == Account.id)
        this = (Ticket.token_hash == hashed(token), Ticket.purpose == "second_factor")
        async with self._database.reading() as session:
            found = await session.execute(query.where(*this, Ticket.expires_at > now()))
        row = found.one_or_none()
        same = row and row.Account.version == row.data["version"]
        return (row.Account, row.data["then"]) if row and same else None

    async def take(self, account_id: str, code: str) -> Literal["totp", "recovery"] | None:
        """Use the code up, and tell what it was; None if it is not good (any more)."""
        async with self._database.writing() as session:
            account = await _locked(session, account_id, enabled=True)
            step = self._step_of(account_id, account.totp_secret or "", code)
            if step and step > account.totp_step:
                account.totp_step = step
            elif not await _use_up(session, account_id, code):
                return None
            await void(session, account_id, "second_factor")
        return "totp" if step else "recovery"

    def _step_of(self, account_id: str, sealed: str, code: str) -> int | None:
        """The step whose code this is: the present one, or one beside it, as clocks differ."""
        secret, present = unseal(sealed, self._key, f"totp:{account_id}"), current_step()
        if secret is None:
            log.error("second factor is not readable: was SECRET_KEY changed?", user=account_id)
            return None
        steps, totp = (present - 1, present, present + 1), pyotp.TOTP(secret)
        return next((at for at in steps if strings_equal(totp.generate_otp(at), code)), None)


def current_step() -> int:
    return int(now().timestamp()) // STEP_SECONDS


async def _locked(session: AsyncSession, account_id: str, enabled: bool) -> Account:
    """The account, kept from others until the transaction ends; raises 409 in another state."""
    account = await session.get_one(Account, account_id, with_for_update=True)
    if bool(account.totp_secret) != enabled:
        raise Problem(409, f"The second factor is {'off' if enabled else 'on'} already.")
    return account


async def _new_codes(session: AsyncSession, account_id: str, number: int = 10) -> list[str]:
    """Recovery codes in place of those that there are; only hashes are kept."""
    codes = [b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(number)]
    await session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    session.add_all(RecoveryCode(code_hash=hashed(code), account_id=account_id) for code in codes)
    return ["-".join(code[at : at + 6] for at in range(0, len(code), 6)) for code in codes]


async def _use_up(session: AsyncSession, account_id: str, code: str) -> bool:
    this = (RecoveryCode.account_id == account_id, RecoveryCode.code_hash == hashed(code))
    query = delete(RecoveryCode).where(*this).returning(RecoveryCode.code_hash)
    return await session.scalar(query) is not None
