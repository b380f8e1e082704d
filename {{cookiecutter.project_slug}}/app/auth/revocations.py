"""Revocations: every process hears within a second that a session or an API token was ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.models import Account, ApiToken, Ended, Session, Ticket
from app.database import Database, now
from app.problems import Problem

if TYPE_CHECKING:
    from app.auth.sessions import Person
    from app.service import Service

CHANGED = "Your account was changed meanwhile. Log in again."

Kind = type[Session] | type[ApiToken]
EVERY_SECONDS = 0.8
KEPT = timedelta(minutes=2)
"""How long an end is read again: clocks differ, and transactions end later than they begin."""
MISSED_SECONDS = 60.0
"""Who has not heard for so long says that the sessions are unsure."""

log = structlog.get_logger()


class Revocations:
    """Ends are rows of the same transaction as what they end, which each process reads.

    So none is lost, none comes early, and all that they need is what the sessions need.
    """

    def __init__(self, service: "Service") -> None:
        self._database = service.get(Database)
        self._ended, self._unsure = service.session_ended, service.sessions_unsure
        self._known = dict[str, float]()

    async def end(self, *which: ColumnElement[bool], of: Kind = Session) -> str | None:
        """End these, on every process; whose they were, None where there is nothing to end."""
        async with self._database.writing() as session:
            ended = await _end(session, which, of)
        self._tell(list(ended))
        return next(iter(ended.values()), None)

    @asynccontextmanager
    async def ending(
        self, whose: "Account | Person | ColumnElement[bool]", *of: Kind, keep: str | None = None
    ) -> AsyncIterator[AsyncSession]:
        """A transaction that ends all of the account, every login under way, and mailed links.

        The account is locked, and who must know is told at the commit. One session may be kept.
        Raises 401 if the account has changed since it was proven whose it is.
        """
        which = whose if isinstance(whose, ColumnElement) else _as_proven(whose)
        locked = update(Account).where(which).values(version=Account.version + 1)
        ended = dict[str, str]()
        async with self._database.writing() as session:
            ids = (await session.scalars(locked.returning(Account.id))).all()
            if not ids and which is not whose:
                raise Problem(401, CHANGED)
            for kind in of or (Session,):
                theirs = kind.account_id.in_(ids), kind.id != (keep or "")
                ended |= await _end(session, theirs, kind)
            yield session
            await session.execute(delete(Ticket).where(Ticket.subject.in_(ids)))
        self._tell(list(ended))

    async def listen(self) -> None:
        heard, well = time.monotonic(), True
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                self._tell(await self._recent())
            except Exception as error:  # also a receiver's: the next end must be heard
                if well:
                    log.warning("not hearing of session ends", error=str(error))
                well = False
                continue
            if time.monotonic() - heard > MISSED_SECONDS:
                self._unsure.send(None)
            heard, well = time.monotonic(), True

    async def _recent(self) -> Sequence[str]:
        """The ends that may be news; past `Database`, which logs each time that it is away."""
        query = select(Ended.id).where(Ended.at > now() - KEPT)
        async with self._database.reader.connect() as connection:
            return (await connection.scalars(query)).all()

    def _tell(self, ids: Sequence[str]) -> None:
        moment, long = time.monotonic(), 2 * KEPT.total_seconds()
        self._known = {id: at for id, at in self._known.items() if at > moment - long}
        for id in ids:
            if id not in self._known:
                self._known[id] = moment
                self._ended.send(id)


async def _end(
    session: AsyncSession, which: tuple[ColumnElement[bool], ...], of: Kind
) -> dict[str, str]:
    """What is ended, and whose it is."""
    rows = await session.execute(delete(of).where(*which).returning(of.id, of.account_id))
    ended = {row.id: row.account_id for row in rows}
    session.add_all(Ended(id=id) for id in ended)
    return ended


def _as_proven(whose: "Account | Person") -> ColumnElement[bool]:
    return and_(Account.id == whose.id, Account.version == whose.version)
