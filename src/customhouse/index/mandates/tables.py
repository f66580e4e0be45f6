"""Mandates, who is let off, and who was told which stage."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

mandate = sa.Table(
    "mandate",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("title", sa.String(120), nullable=False),
    sa.Column("text", sa.Text, nullable=False, server_default="", comment="why, by whoever announced it"),
    sa.Column("scope", sa.String(16), nullable=False, comment="critical | all | organization | project | staff"),
    sa.Column("organization_id", sa.ForeignKey("organization.id"), index=True),
    # By name: deleting and making again must not wash it off.
    sa.Column("project", sa.ForeignKey("name.normalized"), index=True),
    sa.Column("methods", sa.String(16), nullable=False, comment="any | webauthn"),
    sa.Column("announced_at", Instant, nullable=False),
    sa.Column("warned_at", Instant, nullable=False),
    sa.Column("enforced_at", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("end_reason", sa.Text, nullable=False, server_default=""),
    sa.Index(
        "mandate_of_project",
        "project",
        unique=True,
        sqlite_where=sa.text("project IS NOT NULL AND ended_at IS NULL"),
        postgresql_where=sa.text("project IS NOT NULL AND ended_at IS NULL"),
    ),
)

mandate_exemption = sa.Table(
    "mandate_exemption",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("mandate_id", sa.ForeignKey("mandate.id"), nullable=False, index=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), comment="one of these two"),
    sa.Column("project", sa.ForeignKey("name.normalized")),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("until", Instant, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("made_by", sa.String(80), nullable=False),
    sa.Column("ended_at", Instant, comment="taken back before its time"),
)

mandate_letter = sa.Table(
    "mandate_letter",
    METADATA,
    sa.Column("mandate_id", sa.ForeignKey("mandate.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("stage", sa.String(16), primary_key=True, comment="announced | warned | enforced"),
    sa.Column("written_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
