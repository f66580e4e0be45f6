"""Signals that operators have loaded from dated files, and those that we tell to other indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHOLE = sa.text("whole")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "signal_list",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("upstream", sa.String(length=32), nullable=False),
        sa.Column("signal", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False, comment="who says so, in an operator's words"),
        sa.Column("dated", sa.Date(), nullable=False, comment="of which day it is"),
        sa.Column("loaded_at", sa.BigInteger(), nullable=False),
        sa.Column("loaded_by", sa.String(length=80), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "signal_list_once", "signal_list", ["upstream", "signal", "source"], unique=True, sqlite_where=WHOLE,
        postgresql_where=WHOLE,
    )  # fmt: skip
    op.create_table(
        "signal_value",
        sa.Column("name", sa.String(length=100), nullable=False, comment="normalised"),
        sa.Column("list_id", BIG_ID, nullable=False),
        sa.Column(
            "value", sa.String(length=40), nullable=False, comment="a number, a word, or a moment in ISO 8601"
        ),
        sa.ForeignKeyConstraint(["list_id"], ["signal_list.id"]),
        sa.PrimaryKeyConstraint("name", "list_id"),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_index("ix_signal_value_list_id", "signal_value", ["list_id"])
    op.create_table(
        "public_signal",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="when these values were found, UTC"),
        sa.Column("downloads", sa.BigInteger(), nullable=False, comment="counted, in 30 days, rounded"),
        sa.Column("dependents", sa.BigInteger(), nullable=False, comment="rounded"),
        sa.Column("owners", sa.Integer(), nullable=False),
        sa.Column(
            "owner_ids", sa.String(length=64), nullable=False, comment="SHA-256 of the ids, to see whether they change"
        ),
        sa.Column("owners_changed_at", sa.BigInteger(), nullable=False),
        sa.Column("critical_since", sa.BigInteger(), nullable=True),
        sa.Column("publishers_only", sa.Boolean(), nullable=False),
        sa.Column(
            "owners_have_factors", sa.Boolean(), nullable=False, comment="it is required of each of them"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id"),
        sqlite_with_rowid=False,
    )  # fmt: skip
