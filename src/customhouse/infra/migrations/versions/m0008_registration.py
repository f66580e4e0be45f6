"""Registration, linked identities, terms of use."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.add_column(
        "account",
        sa.Column("registered_at", sa.BigInteger(), nullable=True, comment="null: an operator has made the account"),
    )
    op.add_column(
        "account",
        sa.Column("email_changed_at", sa.BigInteger(), nullable=True, comment="when its owner last took another"),
    )
    op.add_column(
        "account_link",
        sa.Column(
            "target",
            sa.String(length=254),
            server_default="",
            nullable=False,
            comment="of change and undo: the other one",
        ),
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column(
            "account_link",
            "purpose",
            existing_type=sa.String(length=16),
            existing_comment="password",
            comment="password | handed | verify | change | undo",
        )
    _linked_identities()
    _terms()
    op.create_table(
        "account_event",
        sa.Column("account_id", BIG_ID, nullable=False, comment="whom an event of the ledger is about"),
        sa.Column("serial", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "serial"),
        sqlite_with_rowid=False,
    )


def _linked_identities() -> None:
    """Who somebody is to another login, and which returns from there were used."""
    op.create_table(
        "linked_identity",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False, comment="as the issuer called him when he was linked"),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("proved_at", sa.BigInteger(), nullable=False, comment="when he last came from there"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "subject"),
    )
    op.create_index(op.f("ix_linked_identity_account_id"), "linked_identity", ["account_id"], unique=False)
    op.create_table(
        "oidc_return",
        sa.Column("state_hash", sa.String(length=64), nullable=False, comment="SHA-256 of a state that is used up"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash"),
        sqlite_with_rowid=False,
    )


def _terms() -> None:
    """What people agree to, each wording of it, and who has."""
    op.create_table(
        "terms_revision",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "required_at",
            sa.BigInteger(),
            nullable=True,
            comment="from when on uploads need the agreement; null: never",
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "terms_acceptance",
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("revision_id", BIG_ID, nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["revision_id"], ["terms_revision.id"]),
        sa.PrimaryKeyConstraint("account_id", "revision_id"),
        sqlite_with_rowid=False,
    )
