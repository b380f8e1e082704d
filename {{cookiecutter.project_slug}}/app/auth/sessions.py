"""Sessions: who is logged in, kept in the database and for a moment in memory."""

import asyncio
import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select, update

from app.auth.models import Account, MailToken, Session
from app.auth.revocations import Revocations
from app.auth.tokens import hashed, new_token
from app.database import Database, Unavailable, now
from app.service import Identity


class Lifetime(NamedTuple):
    idle: timedelta
    absolute: timedelta


SHORT = Lifetime(timedelta(hours=12), timedelta(days=7))
REMEMBERED = Lifetime(timedelta(days=14), timedelta(days=30))
TOUCH = timedelta(minutes=1)
"""How exact `last_seen_at` is: not every request writes."""
CACHE_SECONDS = 1.5
"""How long a process that does not hear of its end may take a session for alive."""
MOST = 10_000


class Sessions:
    """The sessions of all accounts; a token is known to its browser only."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database, self._revocations = database, revocations
        self._cache: dict[str, tuple[float, Identity]] = {}
        self._keys: dict[str | None, str] = {}
        self._endings = 0

    async def start(self, account: Account, remember: bool, address: str, agent: str) -> str:
        """Begin a session; its token."""
        token, moment = new_token(), now()
        lifetime = REMEMBERED if remember else SHORT
        async with self._database.writing() as session:
            session.add(
                Session(
                    token_hash=hashed(token),
                    account_id=account.id,
                    remembered=remember,
                    address=address[:45],
                    user_agent=agent[:256],
                    idle_expires_at=moment + lifetime.idle,
                    expires_at=moment + lifetime.absolute,
                )
            )
        return token

    async def find(self, token: str) -> Identity | None:
        """Who the token's session belongs to; the database is asked at most every 1.5 s."""
        key = hashed(token)
        until, identity = self._cache.get(key, (0.0, None))
        if identity and time.monotonic() < until:
            return identity
        endings = -1
        while endings != self._endings:  # else it may have ended while we looked
            endings = self._endings
            identity = await self._look_up(key)
        if identity:
            self._keep(key, identity)
        return identity

    async def end(self, token: str) -> str | None:
        """End the token's session, on every process; the id of its account."""
        query = delete(Session).where(Session.token_hash == hashed(token))
        async with self._database.writing() as session:
            found = await session.execute(query.returning(Session.id, Session.account_id))
            ended = found.one_or_none()
        if ended is None:
            return None
        session_id, account_id = ended
        await self._revocations.announce(session_id)
        return account_id

    def forget(self, ended: str) -> None:
        """Take a session that has ended out of memory."""
        self._endings += 1
        if key := self._keys.pop(ended, None):
            del self._cache[key]

    def forget_all(self, _: None = None) -> None:
        """Look every session up again: its end may have been missed."""
        self._endings += 1
        self._cache.clear()
        self._keys.clear()

    async def delete_expired(self) -> None:
        """Delete the sessions and mail tokens whose time is over, and tell of each session."""
        moment = now()
        async with self._database.writing() as session:
            old = delete(Session).where(Session.idle_expires_at <= moment).returning(Session.id)
            ended = (await session.scalars(old)).all()
            await session.execute(delete(MailToken).where(MailToken.expires_at <= moment))
        for session_id in ended:
            await self._revocations.announce(session_id)
            await asyncio.sleep(0)  # there may be thousands: let requests through

    async def _look_up(self, key: str) -> Identity | None:
        query = select(Session, Account.email).join(Account).where(Session.token_hash == key)
        async with self._database.reading() as session:
            row = (await session.execute(query)).one_or_none()
        moment = now()
        if row is None or row[0].idle_expires_at <= moment:
            return None
        until = row[0].idle_expires_at
        if row[0].last_seen_at + TOUCH < moment:
            until = await self._touch(row[0], moment)
        return Identity(row[0].account_id, row[1], row[0].id, until)

    async def _touch(self, seen: Session, moment: datetime) -> datetime:
        """Note that the session is in use; until when it is alive now."""
        idle = (REMEMBERED if seen.remembered else SHORT).idle
        until = min(moment + idle, seen.expires_at)
        change = update(Session).where(Session.id == seen.id)
        with suppress(Unavailable):  # it can be noted next time
            async with self._database.writing() as session:
                await session.execute(change.values(last_seen_at=moment, idle_expires_at=until))
        return until

    def _keep(self, key: str, identity: Identity) -> None:
        self._cache.pop(key, None)
        if len(self._cache) >= MOST:
            oldest = next(iter(self._cache))
            del self._keys[self._cache.pop(oldest)[1].session]
        self._cache[key] = time.monotonic() + CACHE_SECONDS, identity
        self._keys[identity.session] = key
