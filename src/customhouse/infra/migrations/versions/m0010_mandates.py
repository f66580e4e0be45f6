"""Critical projects computed, and mandates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _marks()
    _counts()
    _mandates()


def _marks() -> None:
    """Marks say where they come from; one that an operator has taken away is remembered."""
    op.add_column(
        "critical_mark",
        sa.Column(
            "source",
            sa.String(length=16),
            server_default="operator",
            nullable=False,
            comment="who marked it",
        ),
    )
    op.add_column(
        "critical_mark",
        sa.Column("rank", sa.BigInteger(), nullable=True, comment="by downloads, when they were last counted"),
    )
    op.add_column(
        "critical_mark", sa.Column("downloads", sa.BigInteger(), nullable=True, comment="the count behind the rank")
    )
    op.create_table(
        "critical_review",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("normalized", sa.String(length=100), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_by", sa.String(length=80), nullable=False),
        sa.Column("taken_reason", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False, comment="of the mark that was taken away"),
        sa.Column("reason", sa.Text(), nullable=False, comment="of that mark"),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True, comment="when the rule would have marked it again"),
        sa.Column("asked_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True, comment="when somebody has marked it again"),
        sa.ForeignKeyConstraint(["normalized"], ["name.normalized"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_critical_review_normalized"), "critical_review", ["normalized"], unique=False)


def _counts() -> None:
    """What the rule counts by, and one picture of it a day."""
    op.create_table(
        "project_networks",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("networks", sa.BigInteger(), nullable=False, comment="distinct client networks that took any file"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "critical_count",
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("since", sa.Date(), nullable=False, comment="the first day that was counted"),
        sa.Column("rule", sa.String(length=16), nullable=False),
        sa.Column("projects", sa.BigInteger(), nullable=False, comment="public ones"),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("marked", sa.BigInteger(), nullable=False),
        sa.Column("marked_downloads", sa.BigInteger(), nullable=False),
        sa.Column(
            "curve",
            sa.JSON(),
            nullable=False,
            comment="[projects, downloads of so many], the most downloaded first",
        ),
        sa.PrimaryKeyConstraint("day"),
        sqlite_with_rowid=False,
    )


def _mandates() -> None:
    """What is required of whom from when on, who is let off, and who was told."""
    op.create_table(
        "mandate",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False, comment="why, by whoever announced it"),
        sa.Column(
            "scope", sa.String(length=16), nullable=False, comment="critical | all | organization | project | staff"
        ),
        sa.Column("organization_id", BIG_ID, nullable=True),
        sa.Column("project", sa.String(length=100), nullable=True),
        sa.Column("methods", sa.String(length=16), nullable=False, comment="any | webauthn"),
        sa.Column("announced_at", sa.BigInteger(), nullable=False),
        sa.Column("warned_at", sa.BigInteger(), nullable=False),
        sa.Column("enforced_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["project"], ["name.normalized"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_mandate_organization_id"), "mandate", ["organization_id"], unique=False)
    op.create_index(op.f("ix_mandate_project"), "mandate", ["project"], unique=False)
    condition = sa.text("project IS NOT NULL AND ended_at IS NULL")
    op.create_index(
        "mandate_of_project",
        "mandate",
        ["project"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
    op.create_table(
        "mandate_exemption",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("mandate_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=True, comment="one of these two"),
        sa.Column("project", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="taken back before its time"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandate.id"]),
        sa.ForeignKeyConstraint(["project"], ["name.normalized"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_mandate_exemption_mandate_id"), "mandate_exemption", ["mandate_id"], unique=False)
    op.create_table(
        "mandate_letter",
        sa.Column("mandate_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False, comment="announced | warned | enforced"),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandate.id"]),
        sa.PrimaryKeyConstraint("mandate_id", "account_id", "stage"),
        sqlite_with_rowid=False,
    )
