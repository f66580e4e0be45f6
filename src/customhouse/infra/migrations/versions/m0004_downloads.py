"""Counting downloads: per file and day, raw and counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "download",
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column(
            "counted_by",
            sa.String(length=8),
            nullable=False,
            comment="served: by us | log: a front end's log says so",
        ),
        sa.Column("raw", sa.BigInteger(), nullable=False, comment="every download"),
        sa.Column(
            "counted", sa.BigInteger(), nullable=False, comment="one client network counts once per file and day"
        ),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"]),
        sa.PrimaryKeyConstraint("file_id", "day", "counted_by"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "download_seen",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("counted_by", sa.String(length=8), nullable=False),
        sa.Column("client", sa.LargeBinary(length=16), nullable=False, comment="keyed hash of the client's network"),
        sa.Column("noted_on", sa.Date(), nullable=False, comment="the row goes two days later"),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"]),
        sa.PrimaryKeyConstraint("day", "file_id", "counted_by", "client"),
        sqlite_with_rowid=False,
    )
    op.create_index("download_seen_noted", "download_seen", ["noted_on"])
    op.create_table(
        "download_source",
        sa.Column("id", sa.String(length=100), nullable=False, comment="a spool file's name, or a log's SHA-256"),
        sa.Column("counted_by", sa.String(length=8), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True, comment="of a log, unpacked"),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="everything before this offset is folded in"),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
