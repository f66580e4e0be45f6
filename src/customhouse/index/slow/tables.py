"""Changes that wait, or have waited."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

pending_change = sa.Table(
    "pending_change",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(700), nullable=False, comment="what it would change: one open change each"),
    sa.Column("project_id", sa.ForeignKey("project.id"), index=True),
    sa.Column("organization_id", sa.ForeignKey("organization.id")),
    sa.Column("account_id", sa.ForeignKey("account.id"), index=True, comment="whose rights or account it is about"),
    sa.Column("requested_by", sa.ForeignKey("account.id"), comment="null: an operator on the command line"),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("effective_at", Instant, nullable=False),
    sa.Column("arguments", sa.JSON, nullable=False),
    sa.Column("sentence", sa.Text, nullable=False, comment="the change in words"),
    sa.Column(
        "state",
        sa.String(12),
        nullable=False,
        server_default="waiting",
        comment="waiting | contested | applied | lapsed | refused | withdrawn",
    ),
    sa.Column("contested_at", Instant),
    sa.Column("contested_by", sa.ForeignKey("account.id"), comment="null: called in question with another"),
    sa.Column("ended_at", Instant),
    sa.Column("ended_by", sa.ForeignKey("account.id")),
    sa.Column("ended_why", sa.Text, nullable=False, server_default=""),
    sa.Index(
        "pending_change_open",
        "subject",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)

role_use = sa.Table(
    "role_use",
    METADATA,
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("used_at", Instant, nullable=False, comment="the last use; at first: when counting began"),
    sa.Column("reminded_at", Instant, comment="since the last use"),
    sa.Index("role_use_used_at", "used_at"),
    sqlite_with_rowid=False,
)
