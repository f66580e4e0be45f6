"""The tables of the floor below all rooms: jobs and the sweeper's marks.

The read path's own tables (page, gate, changed, edition) stand in `pages_schema` and migration 0025, because no
SQLAlchemy may be near it; deeds reach them through the light descriptions here.
"""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

job = sa.Table(
    "job",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("arguments", sa.JSON, nullable=False),
    sa.Column("key", sa.String(200), unique=True, comment="at most one unfinished job of this key"),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("leased_until", Instant),
    sa.Column("parked_at", Instant),
    sa.Column("last_error", sa.Text, nullable=False, server_default=""),
    sa.Index("job_due", "due_at"),
)

sweep_mark = sa.Table(
    "sweep_mark",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("state", sa.String(16), nullable=False, comment="sweeping | swept"),
    sa.Column("marked_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

_READ_PATH = sa.MetaData()
page = sa.Table("page", _READ_PATH, sa.Column("name", sa.Text), sa.Column("view", sa.Text))
gate = sa.Table(
    "gate", _READ_PATH, sa.Column("project", sa.Text), sa.Column("filename", sa.Text), sa.Column("view", sa.Text)
)
edition = sa.Table("edition", _READ_PATH, sa.Column("name", sa.Text), sa.Column("view", sa.Text))
changed = sa.Table(
    "changed", _READ_PATH, sa.Column("name", sa.Text, primary_key=True), sa.Column("serial", sa.BigInteger)
)
