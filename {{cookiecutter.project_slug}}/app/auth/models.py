"""Accounts and what belongs to them, as they are kept."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, now


def new_id() -> str:
    return uuid4().hex


def of_account(**options: Any) -> Mapped[str]:
    """The column of what is deleted with its account."""
    key = ForeignKey("accounts.id", ondelete="CASCADE")
    return mapped_column(String(32), key, **({"index": True} | options))


class Account(Base):
    """A person with a confirmed address: before the mail's link is followed there is no account."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    """None for those who only come by a provider or a passkey."""
    totp_secret: Mapped[str | None] = mapped_column(String(255))
    """Encrypted; None while there is no second factor."""
    totp_step: Mapped[int] = mapped_column(default=0)
    """The last time step whose code was used: each is good once."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    disabled_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=0)
    """Grows with each change that ends all sessions: a login that was under way is void, too."""


class Session(Base):
    """A login; its token is with the browser only, here is its hash."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[str] = of_account()
    remembered: Mapped[bool]
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(default=now)
    """Also when its owner last proved who they are: doing so again begins a new session."""
    last_seen_at: Mapped[datetime] = mapped_column(default=now)
    idle_expires_at: Mapped[datetime] = mapped_column(index=True)
    """Moves on as the session is used, but never past `expires_at`."""
    expires_at: Mapped[datetime]


class ApiToken(Base):
    """What a program sends as `Authorization: Bearer …` to act for the account."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[str] = of_account()
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]


class Ended(Base):
    """A session or API token that was ended, for the processes that may still know it."""

    __tablename__ = "ended"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)


class Ticket(Base):
    """What its holder may do once: confirm an address, reset a password, answer a challenge.

    One that confirms an address carries the hash of the password that was chosen with it, so
    that nobody else's password can come with the confirmation.
    """

    __tablename__ = "tickets"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(320), index=True)
    """Whom it is about: an address of mail, or the id of an account."""
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RecoveryCode(Base):
    """Stands in for a lost second factor, once."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = of_account()


class Passkey(Base):
    """A public key of an authenticator (WebAuthn); `id` is the credential's, in base64url."""

    __tablename__ = "passkeys"

    id: Mapped[str] = mapped_column(String(1400), primary_key=True)
    account_id: Mapped[str] = of_account()
    name: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]


class ProviderLogin(Base):
    """Who the account is at a provider (OpenID Connect): `subject` is unique within `issuer`."""

    __tablename__ = "provider_logins"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    account_id: Mapped[str] = of_account()
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(320))
    created_at: Mapped[datetime] = mapped_column(default=now)
    removed_at: Mapped[datetime | None]
    """Since when nobody can log in by it, until its owner connects it again."""
