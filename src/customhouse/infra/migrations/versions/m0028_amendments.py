"""Guidance on releases after the fact."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "amendment",
        sa.Column("id", sa.String(length=26), nullable=False, comment="random; part of the signed record"),
        sa.Column("project", sa.String(length=100), nullable=False, comment="normalised"),
        sa.Column("view", sa.String(length=40), nullable=False, comment="in which it counts; empty: everywhere"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="narrowing | widening, as computed"),
        sa.Column("requires", sa.String(length=100), nullable=False, comment="whose versions it is about, normalised"),
        sa.Column("record", sa.Text(), nullable=False, comment="the signed record, canonical JSON"),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=200), nullable=False),
        sa.Column("account_id", BIG_ID, nullable=True, comment="who said it; null: the command line"),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawal", sa.Text(), server_default="", nullable=False, comment="the signed record of its end"),
        sa.Column("withdrawal_key", sa.String(length=64), server_default="", nullable=False),
        sa.Column("withdrawal_signature", sa.String(length=200), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    for column in ("project", "account_id", "made_at"):
        op.create_index(f"ix_amendment_{column}", "amendment", [column])
    op.create_table(
        "amended_release",
        sa.Column("amendment_id", sa.String(length=26), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False, comment="in normal form"),
        sa.Column("requires_dist", sa.JSON(), nullable=False, comment="all that its metadata requires"),
        sa.Column("requires_python", sa.Text(), nullable=False),
        sa.Column("provides_extra", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["amendment_id"], ["amendment.id"]),
        sa.PrimaryKeyConstraint("amendment_id", "version"),
        sqlite_with_rowid=False,
    )
