"""What the computing of critical projects keeps: networks by day, marks that were taken away, one picture a day."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

project_networks = sa.Table(
    "project_networks",
    METADATA,
    # Kept because `download_seen` is forgotten after two days; it names no network, only how many there were.
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True, comment="UTC"),
    sa.Column("networks", sa.BigInteger, nullable=False, comment="distinct client networks that took any file"),
    sqlite_with_rowid=False,
)

critical_review = sa.Table(
    "critical_review",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("normalized", sa.ForeignKey("name.normalized"), nullable=False, index=True),
    sa.Column("taken_at", Instant, nullable=False),
    sa.Column("taken_by", sa.String(80), nullable=False),
    sa.Column("taken_reason", sa.Text, nullable=False),
    sa.Column("source", sa.String(16), nullable=False, comment="of the mark that was taken away"),
    sa.Column("reason", sa.Text, nullable=False, comment="of that mark"),
    sa.Column("marked_at", Instant, nullable=False),
    sa.Column("rank", sa.BigInteger),
    sa.Column("asked_at", Instant, comment="when the rule would have marked it again"),
    sa.Column("asked_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("closed_at", Instant, comment="when somebody has marked it again"),
)

critical_count = sa.Table(
    "critical_count",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True, comment="UTC"),
    sa.Column("since", sa.Date, nullable=False, comment="the first day that was counted"),
    sa.Column("rule", sa.String(16), nullable=False),
    sa.Column("projects", sa.BigInteger, nullable=False, comment="public ones"),
    sa.Column("downloads", sa.BigInteger, nullable=False),
    sa.Column("marked", sa.BigInteger, nullable=False),
    sa.Column("marked_downloads", sa.BigInteger, nullable=False),
    sa.Column("curve", sa.JSON, nullable=False, comment="[projects, downloads of so many], the most downloaded first"),
    sqlite_with_rowid=False,
)
