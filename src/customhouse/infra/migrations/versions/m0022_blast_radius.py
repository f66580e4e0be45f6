"""Who fetched a file, as far as it is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "fetched",
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC; the row goes when the setting fetched_days says"),
        sa.Column("client", sa.LargeBinary(length=16), nullable=False, comment="as in download_seen"),
        sa.Column(
            "who", sa.String(length=40), nullable=False, comment="api_token.id, account:ID, or empty: nobody has said"
        ),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"]),
        sa.PrimaryKeyConstraint("file_id", "day", "client", "who"),
        sqlite_with_rowid=False,
    )
    op.create_index("fetched_day", "fetched", ["day"])
    op.create_table(
        "fetcher_told",
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"]),
        sa.PrimaryKeyConstraint("file_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fetcher_told_account_id", "fetcher_told", ["account_id"])
    op.create_table(
        "advisory_told",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False, comment="an id or alias of a vulnerability"),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id", "name"),
        sqlite_with_rowid=False,
    )
