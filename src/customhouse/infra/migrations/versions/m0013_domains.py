"""What was found out about mail domains."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _lost_addresses()
    _domains()


def _lost_addresses() -> None:
    """Addresses that their domain has taken along."""
    op.create_table(
        "lost_address",
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column(
            "email", sa.String(length=254), nullable=False, comment="says nothing once the account has another one"
        ),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column(
            "reason", sa.String(length=24), nullable=False, comment="redemption | gone | no-mail | registered-again"
        ),
        sa.Column("lost_at", sa.BigInteger(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False, comment="when the address had last been verified"),
        sa.Column(
            "by_hand",
            sa.Boolean(),
            nullable=False,
            comment="by an operator, so the daily limit does not count it",
        ),
        sa.Column(
            "link_enough",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="the domain is back and was never somebody else's, or an operator vouches for it",
        ),
        sa.Column(
            "withheld_at",
            sa.BigInteger(),
            nullable=True,
            comment="when a letter that opens the account was last not sent there",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_lost_address_domain", "lost_address", ["domain"], unique=False)
    op.create_index("ix_lost_address_lost_at", "lost_address", ["lost_at"], unique=False)


def _domains() -> None:
    """Each domain and whose it is, how it was over time, and the alarm that nobody answers our questions."""
    op.create_table(
        "mail_domain",
        sa.Column("name", sa.String(length=253), nullable=False, comment="what stands after the @, encoded in ASCII"),
        sa.Column(
            "registered_as", sa.String(length=253), nullable=False, comment="the name its registry knows; may be empty"
        ),
        sa.Column("state", sa.String(length=16), nullable=False, comment="new | fine | suspicious | waiting | lost"),
        sa.Column("reason", sa.String(length=24), nullable=False, comment="why it is not fine"),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="when it came into this state"),
        sa.Column(
            "bad_reason", sa.String(length=24), nullable=False, comment="what every look since bad_since has seen"
        ),
        sa.Column("bad_since", sa.BigInteger(), nullable=True),
        sa.Column("registered_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("statuses", sa.JSON(), nullable=False),
        sa.Column("name_servers", sa.JSON(), nullable=False),
        sa.Column("mail_hosts", sa.JSON(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False, comment="when we heard of it"),
        sa.Column("looked_at", sa.BigInteger(), nullable=True, comment="the last look, whatever it saw"),
        sa.Column("good_at", sa.BigInteger(), nullable=True, comment="the last look that was answered in full"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="looks in a row that were not"),
        sa.Column("why", sa.Text(), nullable=False, comment="why the last one was not"),
        sa.Column("spared_until", sa.BigInteger(), nullable=True, comment="an operator has said that it is not lost"),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mail_domain_due_at", "mail_domain", ["due_at"], unique=False)
    op.create_table(
        "mail_domain_member",
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mail_domain_member_domain", "mail_domain_member", ["domain"], unique=False)
    op.create_table(
        "mail_domain_turn",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="which began then"),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("mail_domain_turn_domain", "mail_domain_turn", ["domain", "at"], unique=False)
    op.create_table(
        "domain_alarm",
        sa.Column("id", sa.Integer(), nullable=False, comment="1: there is one alarm at most"),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
