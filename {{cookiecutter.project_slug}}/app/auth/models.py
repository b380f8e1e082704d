"""Accounts, sessions and mail tokens, as they are kept."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, now


def new_id() -> str:
    return uuid4().hex


class Account(Base):
    """A person with a confirmed address: before the mail's link is followed there is no account."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Session(Base):
    """A login; its token is with the browser only, here is its hash."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[str] = mapped_column(
        String(32), ForeignKey(Account.id, ondelete="CASCADE"), index=True
    )
    remembered: Mapped[bool]
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_seen_at: Mapped[datetime] = mapped_column(default=now)
    idle_expires_at: Mapped[datetime] = mapped_column(index=True)
    """Moves on as the session is used, but never past `expires_at`."""
    expires_at: Mapped[datetime]


class MailToken(Base):
    """What a mailed link proves: that its reader reads this address; good for one purpose, once.

    One that confirms an address carries the hash of the password that was chosen with it, so
    that nobody else's password can come with the confirmation.
    """

    __tablename__ = "mail_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(320), index=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    expires_at: Mapped[datetime] = mapped_column(index=True)
