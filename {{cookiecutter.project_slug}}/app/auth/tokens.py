"""Tokens: 256 random bits for their holder, a hash for the database; tickets are good once."""

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.models import Ticket
from app.database import now


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What is kept of a token: as it is random, a fast hash is enough."""
    return sha256(token.encode()).hexdigest()


def issue(
    session: AsyncSession, purpose: str, subject: str, lifetime: timedelta, **data: Any
) -> str:
    """A new ticket's token; only its hash is kept."""
    token, until = new_token(), now() + lifetime
    about = {"purpose": purpose, "subject": subject, "data": data, "expires_at": until}
    session.add(Ticket(token_hash=hashed(token), **about))
    return token


async def redeem(session: AsyncSession, purpose: str, token: str) -> Ticket | None:
    """The token's ticket, if it is good; of those who come with it at once, one gets it."""
    query = delete(Ticket).where(*good(purpose, token))
    return await session.scalar(query.returning(Ticket))


def good(purpose: str, token: str) -> tuple[ColumnElement[bool], ...]:
    """What holds for the token's ticket while it may be used."""
    its = Ticket.token_hash == hashed(token)
    return its, Ticket.purpose == purpose, Ticket.expires_at > now()


async def void(session: AsyncSession, subject: str, *purposes: str) -> None:
    """Make what was issued for these purposes, or for any if none is named, good for nothing."""
    query = delete(Ticket).where(Ticket.subject == subject)
    await session.execute(query.where(Ticket.purpose.in_(purposes)) if purposes else query)
