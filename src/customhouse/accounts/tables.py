"""People and what lets them in."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

account = sa.Table(
    "account",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("normalized", sa.String(50), nullable=False, unique=True),
    sa.Column("email", sa.String(254), nullable=False, server_default=""),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("frozen_at", Instant, comment="no way of signing in works while set"),
)

api_token = sa.Table(
    "api_token",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True, comment="the public identifier; the secret is derived from it"),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("project", sa.String(100), comment="normalised name; null means every project of the account"),
    sa.Column("note", sa.String(200), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
)
