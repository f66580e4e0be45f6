"""Limits, second factors, recovery codes, known devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _limits()
    _factors()
    _devices()


def _limits() -> None:
    """Who has tried how often."""
    op.create_table(
        "limit_hit",
        sa.Column(
            "bucket", sa.String(length=64), nullable=False, comment="the limit and a keyed hash of whom it counts"
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", BIG_ID, nullable=False, comment="by which an attempt is given back"),
        sa.PrimaryKeyConstraint("bucket", "at", "attempt"),
        sqlite_with_rowid=False,
    )
    op.create_index("limit_hit_at", "limit_hit", ["at"], unique=False)
    op.add_column(
        "account",
        sa.Column(
            "second_locked_at",
            sa.BigInteger(),
            nullable=True,
            comment="after too many wrong codes: no typed code works while set",
        ),
    )


def _factors() -> None:
    """What people prove themselves with besides the password, and with what a session was proved."""
    op.add_column(
        "session",
        sa.Column(
            "proved_by",
            sa.String(length=16),
            server_default="password",
            nullable=False,
            comment="password | linked | totp | webauthn | recovery-code",
        ),
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("session", "state", comment="full | half: owes a second factor | waiting: for mail")
        op.alter_column("session", "proved_at", comment="when its owner last proved who he is")
    op.create_table(
        "second_factor",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False, comment="totp | webauthn"),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True, comment="TOTP: the seed, encrypted under the server key"),
        sa.Column("last_step", sa.BigInteger(), nullable=True, comment="TOTP: the last time step that was accepted"),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True, comment="WebAuthn"),
        sa.Column("public_key", sa.LargeBinary(), nullable=True, comment="WebAuthn: COSE key"),
        sa.Column(
            "sign_count", sa.BigInteger(), nullable=True, comment="WebAuthn: 0 where the authenticator does not count"
        ),
        sa.Column(
            "passkey", sa.Boolean(), server_default=sa.false(), nullable=False, comment="WebAuthn: signs in alone"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_index("ix_second_factor_account_id", "second_factor", ["account_id"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False, comment="keyed by the server key"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "replaced_at",
            sa.BigInteger(),
            nullable=True,
            comment="when a newer set took its place; it opens nothing from then on",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "code_hash"),
    )
    op.create_table(
        "used_challenge",
        sa.Column("challenge_hash", sa.String(length=64), nullable=False, comment="SHA-256 of a WebAuthn challenge"),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("challenge_hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_used_challenge_used_at", "used_challenge", ["used_at"], unique=False)


def _devices() -> None:
    """Browsers that have been confirmed, and questions about those that have not."""
    op.create_table(
        "known_device",
        sa.Column("cookie_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the cookie's value"),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False, comment="/24 of IPv4, /48 of IPv6"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("cookie_hash", "account_id", "network"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_known_device_account_id", "known_device", ["account_id"], unique=False)
    op.create_table(
        "device_question",
        sa.Column(
            "id", sa.String(length=40), nullable=False, comment="the public half; the other derives from the server key"
        ),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("session_hash", sa.String(length=64), nullable=False, comment="the session that waits"),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session_hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_device_question_created_at", "device_question", ["created_at"], unique=False)
