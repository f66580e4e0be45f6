"""Campaigns, who may take part in them, and the codes that they give away."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

giveaway_campaign = sa.Table(
    "giveaway_campaign",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(60), nullable=False, unique=True, comment="in addresses and commands"),
    sa.Column("title", sa.String(120), nullable=False),
    sa.Column("begins_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False, comment="from then on nothing can be claimed"),
    sa.Column("keys_each", sa.Integer, nullable=False),
    sa.Column("redeem", sa.Text, nullable=False, comment="where and how a code is redeemed"),
    sa.Column("eligible_on", sa.Date, nullable=False, comment="UTC; who has a role in a critical project that day"),
    sa.Column("drawn_at", Instant, comment="when the list of those who may claim was made; null: it is to come"),
    sa.Column("created_at", Instant, nullable=False),
)

giveaway_eligible = sa.Table(
    "giveaway_eligible",
    METADATA,
    sa.Column("campaign_id", sa.ForeignKey("giveaway_campaign.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True, index=True),
    sa.Column("projects", sa.JSON, nullable=False, comment="normalised names of the critical projects of that day"),
    sqlite_with_rowid=False,
)

giveaway_claim = sa.Table(
    "giveaway_claim",
    METADATA,
    # One claim for each person and campaign, whoever else claims at the same time.
    sa.Column("campaign_id", sa.ForeignKey("giveaway_campaign.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True, index=True),
    sa.Column("claimed_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

giveaway_code = sa.Table(
    "giveaway_code",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("campaign_id", sa.ForeignKey("giveaway_campaign.id"), nullable=False),
    sa.Column("code_hash", sa.String(64), nullable=False, unique=True, comment="keyed, by which a code is recognised"),
    sa.Column("sealed", sa.LargeBinary, nullable=False, comment="the code, encrypted under the server key"),
    sa.Column("loaded_at", Instant, nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), index=True, comment="who has it; null: nobody yet"),
    sa.Index("giveaway_code_of", "campaign_id", "account_id"),
)
