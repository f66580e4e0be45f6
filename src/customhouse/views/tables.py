"""The views that operators have defined."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

view = sa.Table(
    "view",
    METADATA,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("upstreams", sa.JSON, nullable=False, comment="names of the settings, in the order of asking"),
    sa.Column("policy", sa.Text, nullable=False, comment="TOML, exactly as it was given"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
