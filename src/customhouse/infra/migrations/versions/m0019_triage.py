"""CVE and NVD records to be triaged: candidates, evidence, verdicts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "triage_case",
        sa.Column("id", sa.String(length=128), nullable=False, comment="of the record: CVE-… or another database's"),
        sa.Column("form", sa.String(length=12), nullable=False, comment="cve-5 | nvd-2.0 | nvd-1.1 | osv"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of what matters in the record"),
        sa.Column("modified", sa.BigInteger(), nullable=True, comment="as the record says"),
        sa.Column("disputed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("score", sa.Integer(), server_default="0", nullable=False, comment="of the likeliest package"),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="ignored | waiting | later | accepted | not-python | duplicate | rejected",
        ),
        sa.Column("packages", sa.JSON(), nullable=False, comment="that it was accepted for"),
        sa.Column("advisory_id", sa.String(length=128), nullable=True, comment="that says it"),
        sa.Column(
            "automatic", sa.Boolean(), server_default=sa.false(), nullable=False, comment="nobody has decided it"
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_by", sa.String(length=200), server_default="", nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False, comment="why it is to be looked at again"),
        sa.Column("record", sa.Text(), nullable=True, comment="JSON; null while nothing leads to a package"),
        sa.Column("candidates", sa.Text(), nullable=True, comment="JSON: packages, evidence, ranges"),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("triage_case_queue", "triage_case", ["status", "score"])
    op.create_index("triage_case_advisory", "triage_case", ["advisory_id"])
    op.create_table(
        "triage_verdict",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("case_id", sa.String(length=128), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False, comment="accepted | not-python | duplicate | later"),
        sa.Column("packages", sa.JSON(), nullable=False),
        sa.Column("advisory_id", sa.String(length=128), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False, comment="name of whoever decided"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False, comment="of the case: what undoing restores"),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["triage_case.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_triage_verdict_at", "triage_verdict", ["at"])
    op.create_index("ix_triage_verdict_case_id", "triage_verdict", ["case_id"])
    op.create_table(
        "triage_exception",
        sa.Column("kind", sa.String(length=8), nullable=False, comment="id | package"),
        sa.Column("entry", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "entry"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "triage_damage",
        sa.Column("place", sa.String(length=500), nullable=False, comment="file, and where in it"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        sqlite_with_rowid=False,
    )
