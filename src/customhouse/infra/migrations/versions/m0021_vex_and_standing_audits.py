"""VEX statements, and audits that are done again whenever an advisory changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _statements()
    _standing()


def _statements() -> None:
    """What projects say of vulnerabilities in their releases."""
    op.create_table(
        "vex_statement",
        sa.Column("id", sa.String(length=26), nullable=False, comment="random; part of the address of the statement"),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column(
            "specifier", sa.String(length=2000), nullable=False,
            comment="of the project's releases (PEP 440); empty: all",
        ),
        sa.Column(
            "part", sa.String(length=100), nullable=False, comment="the package inside that it is about; empty: itself"
        ),
        sa.Column("part_specifier", sa.String(length=2000), nullable=False),
        sa.Column("vulnerability", sa.String(length=128), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False, comment="as OpenVEX has them"),
        sa.Column("justification", sa.String(length=64), nullable=False),
        sa.Column("impact", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False, comment="who said it last"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.Date(), nullable=True, comment="the last day on which it counts; null: no end"),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_index("ix_vex_statement_vulnerability", "vex_statement", ["vulnerability"])
    op.create_index(
        "vex_statement_one",
        "vex_statement",
        ["project_id", "vulnerability", "part", "specifier"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )


def _standing() -> None:
    """Lists of packages that people have registered, and what they were told of them."""
    op.create_table(
        "standing_audit",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column(
            "title", sa.String(length=200), nullable=False, comment="as its owner calls it; of one owner each once"
        ),
        sa.Column("components", sa.Integer(), nullable=False, comment="how many"),
        sa.Column("target", sa.Text(), nullable=False, comment="the address of a webhook; empty: letters"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False, comment="when its components were sent last"),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("checked_serial", sa.BigInteger(), nullable=False, comment="of the newest advisory at the last look"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "title"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "standing_component",
        sa.Column("standing_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False, comment="normalised"),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["standing_id"], ["standing_audit.id"]),
        sa.PrimaryKeyConstraint("standing_id", "name", "version"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_standing_component_name", "standing_component", ["name"])
    op.create_table(
        "standing_finding",
        sa.Column("standing_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.Column(
            "vulnerability", sa.String(length=128), nullable=False, comment="the name under which it was told last"
        ),
        sa.Column("names", sa.JSON(), nullable=False, comment="every name it goes by"),
        sa.Column("told", sa.JSON(), nullable=False, comment="what its owner was told: level, fix, summary, exploited"),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["standing_id"], ["standing_audit.id"]),
        sa.PrimaryKeyConstraint("standing_id", "name", "version", "vulnerability"),
        sqlite_with_rowid=False,
    )
