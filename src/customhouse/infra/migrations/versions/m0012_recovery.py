"""Recovery cases and their evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _cases()
    _proofs()
    _voices()


def _cases() -> None:
    """One wish to get an account back."""
    op.create_table(
        "recovery_case",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column(
            "public_id", sa.String(length=40), nullable=False, comment="its links derive from it and the server key"
        ),
        sa.Column(
            "account_id",
            BIG_ID,
            nullable=True,
            comment="null: nobody has the name that was typed, and the case looks like any other",
        ),
        sa.Column(
            "sent", sa.Boolean(), nullable=False, comment="the link went to the account's address, else to the screen"
        ),
        sa.Column(
            "email", sa.String(length=254), server_default="", nullable=False, comment="the account's, verified then"
        ),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "announced_at", sa.BigInteger(), nullable=True, comment="when those concerned were told that it was opened"
        ),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "new_email", sa.String(length=254), server_default="", nullable=False, comment="where mail shall go instead"
        ),
        sa.Column("new_email_at", sa.BigInteger(), nullable=True, comment="when a link sent there was followed"),
        sa.Column("held_at", sa.BigInteger(), nullable=True, comment="since when uploads wait: the first strong proof"),
        sa.Column("approved_at", sa.BigInteger(), nullable=True, comment="when the second operator agreed"),
        sa.Column("due_at", sa.BigInteger(), nullable=True, comment="when it takes effect unless somebody objects"),
        sa.Column(
            "reopens_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the account may publish again, as soon as that is known",
        ),
        sa.Column("contested_at", sa.BigInteger(), nullable=True, comment="somebody objects: it waits for an operator"),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "outcome",
            sa.String(length=16),
            server_default="",
            nullable=False,
            comment="completed | ended | refused | expired | superseded",
        ),
        sa.Column("closed_by", sa.String(length=80), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False, comment="why it ended so"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("public_id"),
    )
    op.create_index(op.f("ix_recovery_case_account_id"), "recovery_case", ["account_id"], unique=False)
    op.create_index(op.f("ix_recovery_case_expires_at"), "recovery_case", ["expires_at"], unique=False)
    _one("recovery_case_sent", "recovery_case", ["account_id"], "closed_at IS NULL AND sent")
    _one("recovery_case_approved", "recovery_case", ["account_id"], "closed_at IS NULL AND approved_at IS NOT NULL")


def _proofs() -> None:
    """The evidence ledger: what was checked, how, when, and what came of it."""
    op.create_table(
        "recovery_proof",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("case_id", BIG_ID, nullable=False),
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="mail | repository | dns | identity | vouch | code | old-code",
        ),
        sa.Column(
            "subject", sa.String(length=500), nullable=False, comment="what exactly: an address, a zone, a person"
        ),
        sa.Column("rests_on", sa.JSON(), nullable=False, comment="a list: what must not carry a second proof"),
        sa.Column("how", sa.Text(), nullable=False, comment="how it was checked, for people"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("person_id", BIG_ID, nullable=True, comment="who vouched"),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False, comment="nobody else of the account's projects could give it"),
        sa.ForeignKeyConstraint(["case_id"], ["recovery_case.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_recovery_proof_case_id"), "recovery_proof", ["case_id"], unique=False)
    _one("recovery_proof_once", "recovery_proof", ["case_id", "kind", "subject"], "accepted")


def _voices() -> None:
    """Who said yes, and who said no."""
    op.create_table(
        "recovery_approval",
        sa.Column("case_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["case_id"], ["recovery_case.id"]),
        sa.PrimaryKeyConstraint("case_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recovery_objection",
        sa.Column("case_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False, comment="why an operator lets it go on"),
        sa.Column("answered_by", sa.String(length=80), server_default="", nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["case_id"], ["recovery_case.id"]),
        sa.PrimaryKeyConstraint("case_id", "account_id"),
        sqlite_with_rowid=False,
    )


def _one(name: str, table: str, columns: list[str], where: str) -> None:
    """At most one row of these columns' values among those that the condition picks."""
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)
