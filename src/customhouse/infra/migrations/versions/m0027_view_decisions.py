"""What views were asked for and what they answered, and policies that somebody tries on one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "view_decision",
        sa.Column("view", sa.String(length=60), nullable=False, comment="the view's name; it may be gone"),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC; the row goes when the setting decisions_days says"),
        sa.Column(
            "client", sa.LargeBinary(length=16), nullable=False, comment="keyed hash of the network, of this day alone"
        ),
        sa.Column("project", sa.String(length=100), nullable=False, comment="normalised"),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="page | file | metadata"),
        sa.Column("filename", sa.String(length=300), nullable=False, comment="empty for a page"),
        sa.Column(
            "version", sa.String(length=128), nullable=False, comment="of a page the newest one that was offered"
        ),
        sa.Column(
            "verdict", sa.String(length=8), nullable=False, comment="allow | warn | hide | deny | hold | unknown"
        ),
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("agent", sa.String(length=40), nullable=False, comment="the tool, as it says itself"),
        sa.Column("ci", sa.Boolean(), nullable=False, comment="a build, as the tool says itself"),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "view", "day", "client", "project", "kind", "filename", "version", "verdict", "rule", "agent", "ci"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("view_decision_day", "view_decision", ["day"])
    op.create_table(
        "view_decision_source",
        sa.Column("id", sa.String(length=80), nullable=False, comment="the name of a spool file"),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="up to this byte it is folded in"),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "view_candidate",
        sa.Column("id", sa.String(length=64), nullable=False, comment="SHA-256 of the secret in its address"),
        sa.Column("view", sa.String(length=60), nullable=False, comment="the view's name"),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False, comment="TOML, as it was sent"),
        sa.Column(
            "as_of", sa.BigInteger(), nullable=True,
            comment="files that were uploaded later are not there; null: there is no such bound",
        ),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )  # fmt: skip
    op.create_index("ix_view_candidate_account_id", "view_candidate", ["account_id"])
    op.create_index("ix_view_candidate_expires_at", "view_candidate", ["expires_at"])
