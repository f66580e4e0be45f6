"""Candidates: policies that somebody tries on a view for an hour."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

view_candidate = sa.Table(
    "view_candidate",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True, comment="SHA-256 of the secret in its address"),
    sa.Column("view", sa.String(60), nullable=False, comment="the view's name"),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("policy", sa.Text, nullable=False, comment="TOML, as it was sent"),
    sa.Column("as_of", Instant, comment="files that were uploaded later are not there; null: there is no such bound"),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
