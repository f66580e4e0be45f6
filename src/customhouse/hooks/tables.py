"""Webhooks and what was sent to them."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

webhook = sa.Table(
    "webhook",
    METADATA,
    # Random and never used again: the key derives from it.
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("scope", sa.String(16), nullable=False, comment="project | organization | index"),
    sa.Column("project_id", sa.ForeignKey("project.id"), index=True),
    sa.Column("organization_id", sa.ForeignKey("organization.id"), index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text, nullable=False, comment="patterns of kinds, a blank between them; empty: all"),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("why_off", sa.Text, nullable=False, server_default=""),
    sa.Column("epoch", sa.Integer, nullable=False, comment="counts the keys: each has another"),
    sa.Column("rotated_at", Instant, comment="the key before is used beside the new one for a while"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("after_serial", sa.BigInteger, nullable=False, comment="it hears of what came later in the ledger"),
    sa.Column("failures", sa.Integer, nullable=False, comment="since the last success"),
    sa.Column("first_failed_at", Instant, comment="the first of these failures"),
    sa.Column("failing_at", Instant, comment="since a delivery was given up; null after a success"),
    sa.Column("paused_until", Instant, comment="nothing is sent before, because something has failed"),
    sa.Column("sending_until", Instant, comment="one worker sends at a time; a lease"),
    sa.Column("removed_at", Instant),
    sqlite_with_rowid=False,
)

webhook_delivery = sa.Table(
    "webhook_delivery",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("hook_id", sa.ForeignKey("webhook.id"), nullable=False),
    sa.Column("serial", sa.BigInteger, nullable=False, comment="of the event in the ledger"),
    sa.Column("state", sa.String(16), nullable=False, comment="waiting | delivered | given-up"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer, comment="HTTP status of the last answer"),
    sa.Column("answer", sa.Text, nullable=False, server_default="", comment="its beginning"),
    sa.Column("problem", sa.Text, nullable=False, server_default="", comment="why the last attempt failed"),
    sa.Column("queued_at", Instant, nullable=False, comment="or queued again, by somebody's wish"),
    sa.Column("tried_at", Instant),
    sa.Column("next_at", Instant, nullable=False),
    sa.UniqueConstraint("hook_id", "serial"),
    sa.Index("webhook_delivery_due", "hook_id", "state", "serial"),
    sa.Index("webhook_delivery_age", "queued_at"),
)
