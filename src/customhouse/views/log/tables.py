"""What views were asked for and what they answered, summed up by day, and how far each spool file is folded in."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

view_decision = sa.Table(
    "view_decision",
    METADATA,
    sa.Column("view", sa.String(60), primary_key=True, comment="the view's name; it may be gone"),
    sa.Column("day", sa.Date, primary_key=True, comment="UTC; the row goes when the setting decisions_days says"),
    sa.Column("client", sa.LargeBinary(16), primary_key=True, comment="keyed hash of the network, of this day alone"),
    sa.Column("project", sa.String(100), primary_key=True, comment="normalised"),
    sa.Column("kind", sa.String(8), primary_key=True, comment="page | file | metadata"),
    sa.Column("filename", sa.String(300), primary_key=True, comment="empty for a page"),
    sa.Column("version", sa.String(128), primary_key=True, comment="of a page the newest one that was offered"),
    sa.Column("verdict", sa.String(8), primary_key=True, comment="allow | warn | hide | deny | hold | unknown"),
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("agent", sa.String(40), primary_key=True, comment="the tool, as it says itself"),
    sa.Column("ci", sa.Boolean, primary_key=True, comment="a build, as the tool says itself"),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.Index("view_decision_day", "day"),
    sqlite_with_rowid=False,
)

view_decision_source = sa.Table(
    "view_decision_source",
    METADATA,
    sa.Column("id", sa.String(80), primary_key=True, comment="the name of a spool file"),
    sa.Column("position", sa.BigInteger, nullable=False, comment="up to this byte it is folded in"),
    sa.Column("moved_at", Instant, nullable=False),
)
