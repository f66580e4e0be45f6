"""Webhooks and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; letters and webhooks tell of what happens from now on, and miss nothing of it."""
    _tables()
    for name in ("mail", "webhooks"):
        op.execute(f"INSERT INTO follower (name, serial) SELECT '{name}', serial FROM ledger_head")  # noqa: S608 - ours


def _tables() -> None:
    """The new tables."""
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False, comment="project | organization | index"),
        sa.Column("project_id", BIG_ID, nullable=True),
        sa.Column("organization_id", BIG_ID, nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False, comment="patterns of kinds, a blank between them; empty: all"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("why_off", sa.Text(), server_default="", nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False, comment="counts the keys: each has another"),
        sa.Column(
            "rotated_at",
            sa.BigInteger(),
            nullable=True,
            comment="the key before is used beside the new one for a while",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("after_serial", sa.BigInteger(), nullable=False, comment="it hears of what came later in the ledger"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="since the last success"),
        sa.Column("first_failed_at", sa.BigInteger(), nullable=True, comment="the first of these failures"),
        sa.Column(
            "failing_at", sa.BigInteger(), nullable=True, comment="since a delivery was given up; null after a success"
        ),
        sa.Column(
            "paused_until",
            sa.BigInteger(),
            nullable=True,
            comment="nothing is sent before, because something has failed",
        ),
        sa.Column("sending_until", sa.BigInteger(), nullable=True, comment="one worker sends at a time; a lease"),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_webhook_organization_id"), "webhook", ["organization_id"], unique=False)
    op.create_index(op.f("ix_webhook_project_id"), "webhook", ["project_id"], unique=False)
    op.create_table(
        "webhook_delivery",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("hook_id", sa.String(length=26), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False, comment="of the event in the ledger"),
        sa.Column("state", sa.String(length=16), nullable=False, comment="waiting | delivered | given-up"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True, comment="HTTP status of the last answer"),
        sa.Column("answer", sa.Text(), server_default="", nullable=False, comment="its beginning"),
        sa.Column("problem", sa.Text(), server_default="", nullable=False, comment="why the last attempt failed"),
        sa.Column("queued_at", sa.BigInteger(), nullable=False, comment="or queued again, by somebody's wish"),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hook_id"], ["webhook.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hook_id", "serial"),
    )
    op.create_index("webhook_delivery_due", "webhook_delivery", ["hook_id", "state", "serial"], unique=False)
    op.create_index("webhook_delivery_age", "webhook_delivery", ["queued_at"], unique=False)
