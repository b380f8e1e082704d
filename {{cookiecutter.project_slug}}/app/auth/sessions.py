"""Sessions and API tokens: who asks, kept in the database and for a moment in memory."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update

from app.auth.models import Account, ApiToken, Ended, Session, Ticket
from app.auth.revocations import KEPT, Kind, Revocations
from app.auth.tokens import hashed, new_token
from app.database import Database, Unavailable, now
from app.service import Identity


class Lifetime(NamedTuple):
    idle: timedelta
    absolute: timedelta


SHORT = Lifetime(timedelta(hours=12), timedelta(days=7))
REMEMBERED = Lifetime(timedelta(days=14), timedelta(days=30))
Key = tuple[Kind, str]
"""A token, and what it is of: a session's is none of a program's."""
TOUCH = timedelta(minutes=1)
"""How exact `last_seen_at` and `last_used_at` are: not every request writes."""
CACHE_SECONDS = 1.5
"""How long a process that does not hear of its end may take a session for alive."""
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Known(Identity):
    """Who acts for an account: a person, or a program with an API token."""

    second_factors: tuple[str, ...] = ()
    """The account's."""


@dataclass(frozen=True, slots=True)
class Person(Known):
    """Who asks has logged in, as opposed to a program with an API token."""

    proven_at: datetime | None = None
    """When they last proved who they are."""
    remembered: bool = False
    version: int = 0
    """The account's."""


class Sessions:
    """The sessions and API tokens of all accounts; a token is known to its holder only."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database, self._revocations = database, revocations
        self._cache: dict[Key, tuple[float, Identity]] = {}
        self._keys: dict[str | None, Key] = {}
        self._looking: dict[Key, asyncio.Future[Identity | None]] = {}
        self._ended: list[set[str | None]] = []
        """For each look-up that is under way, what has ended meanwhile; None is everything."""

    async def start(
        self, proven: Account, remember: bool, address: str, agent: str, at: datetime | None = None
    ) -> str | None:
        """Begin a session, now or as one of then; its token, or None if the account has changed
        since it was `proven`."""
        token, at = new_token(), at or now()
        idle, absolute = REMEMBERED if remember else SHORT
        times = {"created_at": at, "expires_at": at + absolute, "idle_expires_at": at + idle}
        seen = {"remembered": remember, "address": address[:45], "user_agent": agent[:256]}
        async with self._database.writing() as session:
            found = await session.get(Account, proven.id, with_for_update={"read": True})
            if found is None or found.version != proven.version:
                return None
            session.add(Session(token_hash=hashed(token), account_id=found.id, **seen, **times))
        return token

    async def find(self, kind: Kind, token: str) -> Identity | None:
        """Whose token this is; the database is asked at most every 1.5 s, and once for all."""
        key = kind, token
        until, identity = self._cache.get(key, (0.0, None))
        if identity and time.monotonic() < until:
            return identity
        if key not in self._looking:
            self._looking[key] = asyncio.ensure_future(self._find(key))
            self._looking[key].add_done_callback(lambda _: self._looking.pop(key))
        return await asyncio.shield(self._looking[key])

    async def _find(self, key: Key) -> Identity | None:
        meanwhile = set[str | None]()
        self._ended.append(meanwhile)
        try:
            identity = await self._look_up(key)
        finally:
            self._ended.remove(meanwhile)
        if identity is None or identity.session in meanwhile:
            return None
        if None not in meanwhile:
            self._keep(key, identity)
        return identity

    def doubt(self, token: str) -> None:
        """Have the database asked the next time, whatever is in memory."""
        if known := self._cache.pop((Session, token), None):
            del self._keys[known[1].session]

    async def end(self, token: str) -> str | None:
        """End the token's session, on every process; the id of its account."""
        return await self._revocations.end(Session.token_hash == hashed(token))

    def forget(self, ended: str) -> None:
        """Take what has ended out of memory."""
        for meanwhile in self._ended:
            meanwhile.add(ended)
        if key := self._keys.pop(ended, None):
            del self._cache[key]

    def forget_all(self, _: None = None) -> None:
        """Look everybody up again: an end may have been missed."""
        for meanwhile in self._ended:
            meanwhile.add(None)
        self._cache.clear()
        self._keys.clear()

    async def delete_expired(self) -> None:
        """Delete what is over; nobody need be told, as each session's own time is known."""
        moment = now()
        async with self._database.writing() as session:
            await session.execute(delete(Session).where(Session.idle_expires_at <= moment))
            await session.execute(delete(Ticket).where(Ticket.expires_at <= moment))
            await session.execute(delete(Ended).where(Ended.at <= moment - 2 * KEPT))

    async def _look_up(self, key: Key) -> Identity | None:
        kind, token = key
        query = select(kind, Account).join(Account).where(kind.token_hash == hashed(token))
        async with self._database.reading() as session:
            found: Any = (await session.execute(query)).one_or_none()
        if found is None or found.Account.disabled_at:
            return None
        login, account = found
        if isinstance(login, Session):
            return await self._person(login, account)
        return await self._program(login, account)

    async def _person(self, session: Session, account: Account) -> Identity | None:
        moment, until = now(), session.idle_expires_at
        if until <= moment:
            return None
        if session.last_seen_at + TOUCH < moment:
            idle = (REMEMBERED if session.remembered else SHORT).idle
            until = min(moment + idle, session.expires_at)
            await self._touch(session, last_seen_at=moment, idle_expires_at=until)
        known, login = (account.id, account.email), (session.created_at, session.remembered)
        return Person(*known, session.id, until, _factors(account), *login, account.version)

    async def _program(self, token: ApiToken, account: Account) -> Identity | None:
        moment = now()
        if token.last_used_at is None or token.last_used_at + TOUCH < moment:
            await self._touch(token, last_used_at=moment)
        return Known(account.id, account.email, token.id, None, _factors(account))

    async def _touch(self, seen: Session | ApiToken, **values: datetime) -> None:
        """Note that it is in use."""
        kind = type(seen)
        with suppress(Unavailable):  # it can be noted next time
            async with self._database.writing() as session:
                await session.execute(update(kind).where(kind.id == seen.id).values(**values))

    def _keep(self, key: Key, identity: Identity) -> None:
        self._cache.pop(key, None)
        if len(self._cache) >= MOST:
            oldest = next(iter(self._cache))
            del self._keys[self._cache.pop(oldest)[1].session]
        self._cache[key] = time.monotonic() + CACHE_SECONDS, identity
        self._keys[identity.session] = key


def _factors(account: Account) -> tuple[str, ...]:
    return ("totp",) if account.totp_secret else ()
