"""How often files were taken: sums per day, the networks seen lately, and how far each source has been folded in."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

CountedBy = Literal["served", "log"]

download = sa.Table(
    "download",
    METADATA,
    sa.Column("file_id", sa.ForeignKey("file.id"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True, comment="UTC"),
    sa.Column("counted_by", sa.String(8), primary_key=True, comment="served: by us | log: a front end's log says so"),
    sa.Column("raw", sa.BigInteger, nullable=False, comment="every download"),
    sa.Column("counted", sa.BigInteger, nullable=False, comment="one client network counts once per file and day"),
    sqlite_with_rowid=False,
)

download_seen = sa.Table(
    "download_seen",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("file_id", sa.ForeignKey("file.id"), primary_key=True),
    sa.Column("counted_by", sa.String(8), primary_key=True),
    sa.Column("client", sa.LargeBinary(16), primary_key=True, comment="keyed hash of the client's network"),
    # Not the same as `day` when a log is imported late: the row must outlive that import.
    sa.Column("noted_on", sa.Date, nullable=False, comment="the row goes two days later"),
    sa.Index("download_seen_noted", "noted_on"),
    sqlite_with_rowid=False,
)

fetched = sa.Table(
    "fetched",
    METADATA,
    sa.Column("file_id", sa.ForeignKey("file.id"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True, comment="UTC; the row goes when the setting fetched_days says"),
    sa.Column("client", sa.LargeBinary(16), primary_key=True, comment="as in download_seen"),
    sa.Column("who", sa.String(40), primary_key=True, comment="api_token.id, account:ID, or empty: nobody has said"),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.Index("fetched_day", "day"),
    sqlite_with_rowid=False,
)

download_source = sa.Table(
    "download_source",
    METADATA,
    sa.Column("id", sa.String(100), primary_key=True, comment="a spool file's name, or a log's SHA-256"),
    sa.Column("counted_by", sa.String(8), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, comment="of a log, unpacked"),
    sa.Column("position", sa.BigInteger, nullable=False, comment="everything before this offset is folded in"),
    sa.Column("moved_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
