"""Reports, cases and verdicts, and what they hold back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _cases()
    _reports()
    _holds()


def _cases() -> None:
    """A case gathers the reports about one project until an operator decides it."""
    op.create_table(
        "report_case",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True, comment="null while the case is open"),
        sa.Column("verdict", sa.String(length=24), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False, comment="why it was decided so"),
        sa.Column(
            "decided_by", sa.String(length=80), server_default="", nullable=False, comment="the operator's name then"
        ),
        sa.Column(
            "newest_file_id",
            sa.BigInteger(),
            nullable=True,
            comment="the project's newest file when the verdict was given",
        ),
        sa.Column("frozen_account_id", BIG_ID, nullable=True, comment="whom the verdict froze"),
        sa.ForeignKeyConstraint(["frozen_account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("report_case_project", "report_case", ["project_id", "decided_at"], unique=False)
    _one("report_case_open", "report_case", "project_id", "decided_at IS NULL")


def _reports() -> None:
    """What one person says about one project."""
    op.create_table(
        "report",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("case_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column(
            "version",
            sa.String(length=200),
            server_default="",
            nullable=False,
            comment="canonical; empty: the project",
        ),
        sa.Column("filename", sa.String(length=500), server_default="", nullable=False),
        sa.Column(
            "imitates",
            sa.String(length=100),
            server_default="",
            nullable=False,
            comment="the name that it passes for",
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("evidence_url", sa.Text(), server_default="", nullable=False),
        sa.Column("evidence_excerpt", sa.Text(), server_default="", nullable=False),
        sa.Column("evidence_path", sa.Text(), server_default="", nullable=False, comment="inside the file"),
        sa.Column("evidence_line", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["case_id"], ["report_case.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "account_id", "kind"),
    )
    op.create_index("report_account", "report", ["account_id", "created_at"], unique=False)


def _holds() -> None:
    """What is quarantined or archived by reports, verdicts and operators, and what it was before."""
    op.create_table(
        "hold",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("release_id", BIG_ID, nullable=True, comment="null: the whole project"),
        sa.Column("case_id", BIG_ID, nullable=True, comment="null: by hand, outside any case"),
        sa.Column("origin", sa.String(length=16), nullable=False, comment="reports | verdict | operator"),
        sa.Column("status", sa.String(length=16), nullable=False, comment="quarantined | archived"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("began_by", sa.String(length=80), nullable=False),
        sa.Column(
            "earlier_status",
            sa.String(length=16),
            nullable=False,
            comment="of the project; lifting brings it back",
        ),
        sa.Column("earlier_reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=80), server_default="", nullable=False),
        sa.Column(
            "ended_how",
            sa.String(length=16),
            server_default="",
            nullable=False,
            comment="verdict | undone | undo | operator",
        ),
        sa.Column(
            "newest_file_id",
            sa.BigInteger(),
            nullable=True,
            comment="the project's newest file when an operator lifted it",
        ),
        sa.ForeignKeyConstraint(["case_id"], ["report_case.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_hold_case_id"), "hold", ["case_id"], unique=False)
    op.create_index("hold_project", "hold", ["project_id", "began_at"], unique=False)
    _one("hold_of_project", "hold", "project_id", "ended_at IS NULL AND release_id IS NULL")
    _one("hold_of_release", "hold", "release_id", "ended_at IS NULL")


def _one(name: str, table: str, column: str, where: str) -> None:
    """At most one row of this column's value among those that the condition picks."""
    condition = sa.text(where)
    op.create_index(name, table, [column], unique=True, sqlite_where=condition, postgresql_where=condition)
