"""Who was told that he has fetched a bad file."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

fetcher_told = sa.Table(
    "fetcher_told",
    METADATA,
    sa.Column("file_id", sa.ForeignKey("file.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True, index=True),
    sa.Column("told_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
