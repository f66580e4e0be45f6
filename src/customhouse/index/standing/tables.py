"""Lists of packages that people have registered to be audited again and again. They are their owners' alone."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

standing_audit = sa.Table(
    "standing_audit",
    METADATA,
    # Random and never used again: the key of its webhook derives from it.
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("title", sa.String(200), nullable=False, comment="as its owner calls it; of one owner each once"),
    sa.Column("components", sa.Integer, nullable=False, comment="how many"),
    sa.Column("target", sa.Text, nullable=False, comment="the address of a webhook; empty: letters"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("registered_at", Instant, nullable=False, comment="when its components were sent last"),
    sa.Column("checked_at", Instant),
    sa.Column("checked_serial", sa.BigInteger, nullable=False, comment="of the newest advisory at the last look"),
    sa.UniqueConstraint("account_id", "title"),
    sqlite_with_rowid=False,
)

standing_component = sa.Table(
    "standing_component",
    METADATA,
    sa.Column("standing_id", sa.ForeignKey("standing_audit.id"), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True, index=True, comment="normalised"),
    sa.Column("version", sa.String(200), primary_key=True),
    sqlite_with_rowid=False,
)

standing_finding = sa.Table(
    "standing_finding",
    METADATA,
    sa.Column("standing_id", sa.ForeignKey("standing_audit.id"), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("version", sa.String(200), primary_key=True),
    sa.Column("vulnerability", sa.String(128), primary_key=True, comment="the name under which it was told last"),
    sa.Column("names", sa.JSON, nullable=False, comment="every name it goes by"),
    sa.Column("told", sa.JSON, nullable=False, comment="what its owner was told: level, fix, summary, exploited"),
    sa.Column("told_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
