"""Sessions and API tokens: who asks, kept in the database and for a moment in memory."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select, update

from app.auth.models import Account, ApiToken, Ended, Session, Ticket
from app.auth.revocations import KEPT, Revocations
from app.auth.tokens import hashed, new_token
from app.database import Database, Unavailable, now
from app.service import Identity


class Lifetime(NamedTuple):
    idle: timedelta
    absolute: timedelta


SHORT = Lifetime(timedelta(hours=12), timedelta(days=7))
REMEMBERED = Lifetime(timedelta(days=14), timedelta(days=30))
TOUCH = timedelta(minutes=1)
"""How exact `last_seen_at` and `last_used_at` are: not every request writes."""
CACHE_SECONDS = 1.5
"""How long a process that does not hear of its end may take a session for alive."""
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Person(Identity):
    """Who asks has logged in, as opposed to a program with an API token."""

    proven_at: datetime | None = None
    """When they last proved who they are."""
    remembered: bool = False
    second_factors: tuple[str, ...] = ()


class Sessions:
    """The sessions and API tokens of all accounts; a token is known to its holder only."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database, self._revocations = database, revocations
        self._cache: dict[str, tuple[float, Identity]] = {}
        self._tokens: dict[str | None, str] = {}
        self._looking: dict[str, asyncio.Future[Identity | None]] = {}
        self._ended: list[set[str | None]] = []
        """For each look-up that is under way, what has ended meanwhile; None is everything."""

    async def start(
        self, account: str, remember: bool, address: str, agent: str, proven: Account | None = None
    ) -> str | None:
        """Begin a session; its token, or None if the account is not as it was `proven` to be."""
        token, moment = new_token(), now()
        idle, absolute = REMEMBERED if remember else SHORT
        ends = {"idle_expires_at": moment + idle, "expires_at": moment + absolute}
        seen = {"remembered": remember, "address": address[:45], "user_agent": agent[:256]}
        async with self._database.writing() as session:
            found = await session.get(Account, account, with_for_update={"read": True})
            if found is None or (proven and found.version != proven.version):
                return None
            session.add(Session(token_hash=hashed(token), account_id=account, **seen, **ends))
        return token

    async def find(self, token: str) -> Identity | None:
        """Whose token this is; the database is asked at most every 1.5 s, and once for all."""
        until, identity = self._cache.get(token, (0.0, None))
        if identity and time.monotonic() < until:
            return identity
        if token not in self._looking:
            self._looking[token] = asyncio.ensure_future(self._find(token))
            self._looking[token].add_done_callback(lambda _: self._looking.pop(token))
        return await asyncio.shield(self._looking[token])

    async def _find(self, token: str) -> Identity | None:
        meanwhile = set[str | None]()
        self._ended.append(meanwhile)
        try:
            identity = await self._look_up(hashed(token))
        finally:
            self._ended.remove(meanwhile)
        if identity is None or identity.session in meanwhile:
            return None
        if None not in meanwhile:
            self._keep(token, identity)
        return identity

    def doubt(self, token: str) -> None:
        """Have the database asked the next time, whatever is in memory."""
        if known := self._cache.pop(token, None):
            del self._tokens[known[1].session]

    async def end(self, token: str) -> str | None:
        """End the token's session, on every process; the id of its account."""
        return await self._revocations.end(Session.token_hash == hashed(token))

    def forget(self, ended: str) -> None:
        """Take what has ended out of memory."""
        for meanwhile in self._ended:
            meanwhile.add(ended)
        if token := self._tokens.pop(ended, None):
            del self._cache[token]

    def forget_all(self, _: None = None) -> None:
        """Look everybody up again: an end may have been missed."""
        for meanwhile in self._ended:
            meanwhile.add(None)
        self._cache.clear()
        self._tokens.clear()

    async def delete_expired(self) -> None:
        """Delete what is over; nobody need be told, as each session's own time is known."""
        moment = now()
        async with self._database.writing() as session:
            await session.execute(delete(Session).where(Session.idle_expires_at <= moment))
            await session.execute(delete(Ticket).where(Ticket.expires_at <= moment))
            await session.execute(delete(Ended).where(Ended.at <= moment - 2 * KEPT))

    async def _look_up(self, key: str) -> Identity | None:
        session = select(Session, Account).join(Account).where(Session.token_hash == key)
        async with self._database.reading() as database:
            row = (await database.execute(session)).one_or_none()
        return await self._person(*row) if row else await self._program(key)

    async def _person(self, session: Session, account: Account) -> Identity | None:
        moment, until = now(), session.idle_expires_at
        if until <= moment or account.disabled_at:
            return None
        if session.last_seen_at + TOUCH < moment:
            idle = (REMEMBERED if session.remembered else SHORT).idle
            until = min(moment + idle, session.expires_at)
            await self._touch(session, last_seen_at=moment, idle_expires_at=until)
        factors = ("totp",) if account.totp_secret else ()
        known, login = (account.id, account.email), (session.created_at, session.remembered)
        return Person(*known, session.id, until, *login, factors)

    async def _program(self, key: str) -> Identity | None:
        query = select(ApiToken, Account).join(Account).where(ApiToken.token_hash == key)
        async with self._database.reading() as database:
            row = (await database.execute(query)).one_or_none()
        if row is None or row.Account.disabled_at:
            return None
        token, moment = row.ApiToken, now()
        if token.last_used_at is None or token.last_used_at + TOUCH < moment:
            await self._touch(token, last_used_at=moment)
        return Identity(row.Account.id, row.Account.email, token.id)

    async def _touch(self, seen: Session | ApiToken, **values: datetime) -> None:
        """Note that it is in use."""
        kind = type(seen)
        with suppress(Unavailable):  # it can be noted next time
            async with self._database.writing() as session:
                await session.execute(update(kind).where(kind.id == seen.id).values(**values))

    def _keep(self, token: str, identity: Identity) -> None:
        self._cache.pop(token, None)
        if len(self._cache) >= MOST:
            oldest = next(iter(self._cache))
            del self._tokens[self._cache.pop(oldest)[1].session]
        self._cache[token] = time.monotonic() + CACHE_SECONDS, identity
        self._tokens[identity.session] = token
