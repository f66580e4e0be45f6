"""What is told to other indexes of each public project."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

public_signal = sa.Table(
    "public_signal",
    METADATA,
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("day", sa.Date, nullable=False, comment="when these values were found, UTC"),
    sa.Column("downloads", sa.BigInteger, nullable=False, comment="counted, in 30 days, rounded"),
    sa.Column("dependents", sa.BigInteger, nullable=False, comment="rounded"),
    sa.Column("owners", sa.Integer, nullable=False),
    sa.Column("owner_ids", sa.String(64), nullable=False, comment="SHA-256 of the ids, to see whether they change"),
    sa.Column("owners_changed_at", Instant, nullable=False),
    sa.Column("critical_since", Instant),
    sa.Column("publishers_only", sa.Boolean, nullable=False),
    sa.Column("owners_have_factors", sa.Boolean, nullable=False, comment="it is required of each of them"),
    sqlite_with_rowid=False,
)
