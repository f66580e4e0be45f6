"""Key giveaway and the daily snapshots of the dashboard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _campaigns()
    _claims()
    _snapshots()


def _campaigns() -> None:
    """What is given away, and who may take part."""
    op.create_table(
        "giveaway_campaign",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False, comment="in addresses and commands"),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("begins_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False, comment="from then on nothing can be claimed"),
        sa.Column("keys_each", sa.Integer(), nullable=False),
        sa.Column("redeem", sa.Text(), nullable=False, comment="where and how a code is redeemed"),
        sa.Column(
            "eligible_on", sa.Date(), nullable=False, comment="UTC; who has a role in a critical project that day"
        ),
        sa.Column(
            "drawn_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the list of those who may claim was made; null: it is to come",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "giveaway_eligible",
        sa.Column("campaign_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column(
            "projects",
            sa.JSON(),
            nullable=False,
            comment="normalised names of the critical projects of that day",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["campaign_id"], ["giveaway_campaign.id"]),
        sa.PrimaryKeyConstraint("campaign_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_giveaway_eligible_account_id"), "giveaway_eligible", ["account_id"], unique=False)


def _claims() -> None:
    """The codes, and who has claimed."""
    op.create_table(
        "giveaway_claim",
        sa.Column("campaign_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["campaign_id"], ["giveaway_campaign.id"]),
        sa.PrimaryKeyConstraint("campaign_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_giveaway_claim_account_id"), "giveaway_claim", ["account_id"], unique=False)
    op.create_table(
        "giveaway_code",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("campaign_id", BIG_ID, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False, comment="keyed, by which a code is recognised"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="the code, encrypted under the server key"),
        sa.Column("loaded_at", sa.BigInteger(), nullable=False),
        sa.Column("account_id", BIG_ID, nullable=True, comment="who has it; null: nobody yet"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["campaign_id"], ["giveaway_campaign.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code_hash"),
    )
    op.create_index(op.f("ix_giveaway_code_account_id"), "giveaway_code", ["account_id"], unique=False)
    op.create_index("giveaway_code_of", "giveaway_code", ["campaign_id", "account_id"], unique=False)


def _snapshots() -> None:
    """One row a day, and the single-maintainer projects of the last one."""
    op.create_table(
        "trust_snapshot",
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False, comment="not frozen"),
        sa.Column("webauthn_only", sa.Integer(), nullable=False),
        sa.Column("totp_only", sa.Integer(), nullable=False),
        sa.Column("both_methods", sa.Integer(), nullable=False),
        sa.Column("critical_projects", sa.Integer(), nullable=False, comment="public and not deleted"),
        sa.Column("critical_people", sa.Integer(), nullable=False, comment="who own or maintain one"),
        sa.Column("critical_protected", sa.Integer(), nullable=False, comment="of them, with a second factor"),
        sa.Column(
            "projects_by_people",
            sa.JSON(),
            nullable=False,
            comment="how many critical projects have so many people: {people: projects}",
        ),
        sa.Column("keys_given", sa.Integer(), nullable=False),
        sa.Column("recoveries", sa.Integer(), nullable=False, comment="finished cases"),
        sa.Column("recovery_median_seconds", sa.BigInteger(), nullable=True),
        sa.Column("recovery_ninety_seconds", sa.BigInteger(), nullable=True, comment="nine of ten were quicker"),
        sa.PrimaryKeyConstraint("day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trust_single",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id"),
        sqlite_with_rowid=False,
    )
