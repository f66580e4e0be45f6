"""The ledger: append-only events in a hash chain, and the row at its head that orders all writers."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

ledger_event = sa.Table(
    "ledger_event",
    METADATA,
    sa.Column("serial", BigId, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.String(80), nullable=False),
    sa.Column("actor_kind", sa.String(16), nullable=False),
    sa.Column("actor_id", sa.String(80), nullable=False),
    sa.Column("actor_name", sa.Text, nullable=False),
    sa.Column("project", sa.String(100), comment="normalised name, without a foreign key: events outlive projects"),
    sa.Column("body", sa.Text, nullable=False, comment="canonical JSON, exactly the bytes that were hashed"),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("ledger_event_project", "project", "serial"),
    sa.Index("ledger_event_kind", "kind", "serial"),
)

ledger_head = sa.Table(
    "ledger_head",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("serial", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

follower = sa.Table(
    "follower",
    METADATA,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("serial", sa.BigInteger, nullable=False, comment="the last event that it has dealt with"),
    sqlite_with_rowid=False,
)
