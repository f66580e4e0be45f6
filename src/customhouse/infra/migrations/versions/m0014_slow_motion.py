"""Changes that wait, roles that sleep, and accounts that are closed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.add_column(
        "project",
        sa.Column(
            "slow_motion", sa.Boolean(), server_default=sa.false(), nullable=False, comment="its owners asked for it"
        ),
    )
    op.add_column(
        "account",
        sa.Column(
            "closed_at",
            sa.BigInteger(),
            nullable=True,
            comment="its owner has closed it for ever; the name stays reserved",
        ),
    )
    _changes()
    _uses()


def _changes() -> None:
    """Dangerous changes that wait, or have waited."""
    op.create_table(
        "pending_change",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column(
            "subject", sa.String(length=700), nullable=False, comment="what it would change: one open change each"
        ),
        sa.Column("project_id", BIG_ID, nullable=True),
        sa.Column("organization_id", BIG_ID, nullable=True),
        sa.Column("account_id", BIG_ID, nullable=True, comment="whose rights or account it is about"),
        sa.Column("requested_by", BIG_ID, nullable=True, comment="null: an operator on the command line"),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False, comment="the change in words"),
        sa.Column(
            "state",
            sa.String(length=12),
            server_default="waiting",
            nullable=False,
            comment="waiting | contested | applied | lapsed | refused | withdrawn",
        ),
        sa.Column("contested_at", sa.BigInteger(), nullable=True),
        sa.Column("contested_by", BIG_ID, nullable=True, comment="null: called in question with another"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", BIG_ID, nullable=True),
        sa.Column("ended_why", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["contested_by"], ["account.id"]),
        sa.ForeignKeyConstraint(["ended_by"], ["account.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["requested_by"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_pending_change_project_id", "pending_change", ["project_id"])
    op.create_index("ix_pending_change_account_id", "pending_change", ["account_id"])
    open_ones = sa.text("ended_at IS NULL")
    op.create_index(
        "pending_change_open",
        "pending_change",
        ["subject"],
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )


def _uses() -> None:
    """When somebody last used the right to publish into a project."""
    op.create_table(
        "role_use",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column(
            "used_at",
            sa.BigInteger(),
            nullable=False,
            comment="the last use; at first: when counting began",
        ),
        sa.Column("reminded_at", sa.BigInteger(), nullable=True, comment="since the last use"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("role_use_used_at", "role_use", ["used_at"])
