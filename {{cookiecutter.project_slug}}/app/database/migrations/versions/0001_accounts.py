"""Accounts, how people prove who they are, and their sessions."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "accounts",
    "sessions",
    "api_tokens",
    "ended",
    "tickets",
    "recovery_codes",
    "passkeys",
    "provider_logins",
)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=True),
        sa.Column("totp_secret", sa.String(255), nullable=True),
        sa.Column("totp_step", sa.Integer(), nullable=False),
        moment("created_at"),
        moment("disabled_at", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("email", name="uq_accounts_email"),
    )
    of_account(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("remembered", sa.Boolean(), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(256), nullable=False),
        moment("created_at"),
        moment("last_seen_at"),
        moment("idle_expires_at"),
        moment("expires_at"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
    )
    op.create_index("ix_sessions_idle_expires_at", "sessions", ["idle_expires_at"])
    of_account(
        "api_tokens",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        moment("created_at"),
        moment("last_used_at", nullable=True),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
    )
    op.create_table(
        "ended",
        sa.Column("id", sa.String(32), nullable=False),
        moment("at"),
        sa.PrimaryKeyConstraint("id", name="pk_ended"),
    )
    op.create_index("ix_ended_at", "ended", ["at"])
    op.create_table(
        "tickets",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(320), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        moment("expires_at"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_tickets"),
    )
    op.create_index("ix_tickets_subject", "tickets", ["subject"])
    op.create_index("ix_tickets_expires_at", "tickets", ["expires_at"])
    of_account("recovery_codes", key=sa.Column("code_hash", sa.String(64), nullable=False))
    of_account(
        "passkeys",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        moment("created_at"),
        moment("last_used_at", nullable=True),
        key=sa.Column("id", sa.String(1400), nullable=False),
    )
    of_account(
        "provider_logins",
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(320), nullable=True),
        moment("created_at"),
        moment("removed_at", nullable=True),
        sa.UniqueConstraint("issuer", "subject", name="uq_provider_logins_issuer"),
    )


def moment(name: str, nullable: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def of_account(
    table: str, *columns: "sa.schema.SchemaItem", key: "sa.Column[Any] | None" = None
) -> None:
    """A table of what is deleted with its account."""
    key = sa.Column("id", sa.String(32), nullable=False) if key is None else key
    op.create_table(
        table,
        key,
        sa.Column("account_id", sa.String(32), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(key.name, name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=f"fk_{table}_account_id", ondelete="CASCADE"
        ),
    )
    op.create_index(f"ix_{table}_account_id", table, ["account_id"])


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
