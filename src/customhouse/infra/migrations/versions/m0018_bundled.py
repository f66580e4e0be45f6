"""Libraries that files of the index bundle, with the evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "bundled_scan",
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("tables_version", sa.Integer(), nullable=False, comment="formats.bundled.model.TABLES_VERSION"),
        sa.Column("scanned_at", sa.BigInteger(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False, comment="what could not be read, with the place"),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("file_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_bundled_scan_tables_version", "bundled_scan", ["tables_version"])
    op.create_table(
        "bundled_library",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False, comment="the library's name in lower case"),
        sa.Column("library", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True, comment="null: unknown"),
        sa.Column("member", sa.Text(), nullable=False, comment="of the wheel"),
        sa.Column("evidence", sa.JSON(), nullable=False, comment="kind, version, where and words of each"),
        sa.Column("purl", sa.Text(), nullable=False),
        sa.Column("cpe", sa.String(length=200), nullable=False, comment="vendor:product"),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_bundled_library_file_id", "bundled_library", ["file_id"])
    op.create_index("ix_bundled_library_key", "bundled_library", ["key"])
    op.create_table(
        "library_range",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("advisory_id", sa.String(length=128), nullable=False),
        sa.Column("library", sa.String(length=200), nullable=False),
        sa.Column("introduced", sa.String(length=64), nullable=False, comment="0: from the beginning"),
        sa.Column("fixed", sa.String(length=64), nullable=False, comment="empty: nobody has mended it"),
        sa.Column("last_affected", sa.String(length=64), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_library_range_advisory_id", "library_range", ["advisory_id"])
    op.create_table(
        "bundled_notice",
        sa.Column("advisory_id", sa.String(length=128), nullable=False),
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("advisory_id", "file_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_bundled_notice_file_id", "bundled_notice", ["file_id"])
    with op.batch_alter_table("upload_file") as file:
        file.add_column(sa.Column("bundled", sa.JSON(), nullable=True, comment="what a wheel bundles, until published"))
