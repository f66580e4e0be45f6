"""Which libraries the files of the index bundle, how we know, and who was told of an advisory on them."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

bundled_scan = sa.Table(
    "bundled_scan",
    METADATA,
    # A wheel without a row, or with one of older tables, is scanned by the worker.
    sa.Column("file_id", sa.ForeignKey("file.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tables_version", sa.Integer, nullable=False, index=True, comment="formats.bundled.model.TABLES_VERSION"),
    sa.Column("scanned_at", Instant, nullable=False),
    sa.Column("notes", sa.JSON, nullable=False, comment="what could not be read, with the place"),
    sqlite_with_rowid=False,
)

bundled_library = sa.Table(
    "bundled_library",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("file_id", sa.ForeignKey("file.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("key", sa.String(200), nullable=False, index=True, comment="the library's name in lower case"),
    sa.Column("library", sa.String(200), nullable=False),
    sa.Column("version", sa.String(64), comment="null: unknown"),
    sa.Column("member", sa.Text, nullable=False, comment="of the wheel"),
    sa.Column("evidence", sa.JSON, nullable=False, comment="kind, version, where and words of each"),
    sa.Column("purl", sa.Text, nullable=False),
    sa.Column("cpe", sa.String(200), nullable=False, comment="vendor:product"),
)

library_range = sa.Table(
    "library_range",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("advisory_id", sa.String(128), nullable=False, index=True),
    sa.Column("library", sa.String(200), nullable=False),
    sa.Column("introduced", sa.String(64), nullable=False, comment="0: from the beginning"),
    sa.Column("fixed", sa.String(64), nullable=False, comment="empty: nobody has mended it"),
    sa.Column("last_affected", sa.String(64), nullable=False),
    sa.Column("said_at", Instant, nullable=False),
)

bundled_notice = sa.Table(
    "bundled_notice",
    METADATA,
    # Once for each file: whoever uploads another affected one is told of that one.
    sa.Column("advisory_id", sa.String(128), primary_key=True),
    sa.Column("file_id", sa.ForeignKey("file.id", ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("told_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
