"""What search finds: one row for each project that is listed.

The words themselves lie in ``search_words``, which each database has in its own way (migration 0003): an FTS5 table on
SQLite, two ``tsvector`` with a GIN index on PostgreSQL. SQLAlchemy cannot describe the one and need not know the other.
"""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

search_entry = sa.Table(
    "search_entry",
    METADATA,
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True, autoincrement=False),
    sa.Column("serial", sa.BigInteger, nullable=False, comment="the project's last change when this was written"),
    sa.Column("normalized", sa.String(100), nullable=False, unique=True),
    sa.Column("display", sa.String(100), nullable=False),
    sa.Column("version", sa.String(200), nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("released_at", Instant, nullable=False),
    sa.Index("search_entry_released", "released_at"),
)
