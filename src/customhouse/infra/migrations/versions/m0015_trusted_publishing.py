"""Trusted publishers, the tokens they were given, and attestations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _publishers()
    _tokens()
    _attestations()


def _publishers() -> None:
    """Who may publish without a stored secret."""
    op.create_table(
        "trusted_publisher",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=True, comment="null: pending, its project comes to be"),
        sa.Column(
            "pending_name",
            sa.String(length=100),
            server_default="",
            nullable=False,
            comment="how that is spelt",
        ),
        sa.Column("pending_normalized", sa.String(length=100), server_default="", nullable=False),
        sa.Column("pending_ultranormalized", sa.String(length=100), server_default="", nullable=False),
        sa.Column("pending_by", BIG_ID, nullable=True, comment="who will own that project"),
        sa.Column("organization_id", BIG_ID, nullable=True, comment="or which organization"),
        sa.Column(
            "kind", sa.String(length=16), nullable=False, comment="github | gitlab | google | activestate | custom"
        ),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column(
            "place",
            sa.String(length=450),
            nullable=False,
            comment="where its builds come from, as its kind compares it",
        ),
        sa.Column("settings", sa.JSON(), nullable=False, comment="what the claims must say, by the names of the kind"),
        sa.Column("rules", sa.JSON(), nullable=False, comment="what the claims must say besides"),
        sa.Column("learned", sa.JSON(), nullable=False, comment="ids that were seen at its first use and never change"),
        sa.Column("title", sa.String(length=300), nullable=False, comment="what people call it"),
        sa.Column(
            "key",
            sa.String(length=300),
            nullable=False,
            comment="for whom, and a hash of what it is: one open row each",
        ),
        sa.Column("stages_only", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", BIG_ID, nullable=True, comment="null: an operator on the command line"),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True, comment="of a pending one that nobody uses"),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "alarm",
            sa.JSON(),
            nullable=True,
            comment="the last token that its owners had to hear of: when, why, its ids",
        ),
        sa.Column("refusals", sa.JSON(), nullable=True, comment="when tokens were last noted as refused, by the code"),
        sa.Column(
            "warned_at",
            sa.BigInteger(),
            nullable=True,
            comment="when they were told last that an old token is used beside it",
        ),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["pending_by"], ["account.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_trusted_publisher_pending_by", "trusted_publisher", ["pending_by"])
    op.create_index("ix_trusted_publisher_pending_ultranormalized", "trusted_publisher", ["pending_ultranormalized"])
    op.create_index("ix_trusted_publisher_project_id", "trusted_publisher", ["project_id"])
    op.create_index("trusted_publisher_place", "trusted_publisher", ["issuer", "place"])
    op.create_index(
        "trusted_publisher_once",
        "trusted_publisher",
        ["key"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )


def _tokens() -> None:
    """What they are given, and which ID tokens are used up."""
    op.create_table(
        "minted_token",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("publisher_id", BIG_ID, nullable=False),
        sa.Column(
            "publishers", sa.JSON(), nullable=False, comment="of each project: its name, its publisher, its title"
        ),
        sa.Column("caveats", sa.Text(), nullable=False, comment="as in api_token"),
        sa.Column("claims", sa.JSON(), nullable=False, comment="of the token that it was exchanged for"),
        sa.Column("single_use", sa.Boolean(), server_default=sa.false(), nullable=False, comment="PEP 807"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("used_from", sa.String(length=64), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["publisher_id"], ["trusted_publisher.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_minted_token_expires_at", "minted_token", ["expires_at"])
    op.create_index("ix_minted_token_publisher_id", "minted_token", ["publisher_id"])
    op.create_table(
        "used_jti",
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("jti", sa.String(length=255), nullable=False),
        sa.Column("kept_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_used_jti_kept_until", "used_jti", ["kept_until"])


def _attestations() -> None:
    """What was attested of files."""
    op.create_table(
        "attestation",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("publisher", sa.JSON(), nullable=False, comment="kind and claims, as PEP 740 shows them"),
        sa.Column("predicate_type", sa.String(length=200), nullable=False),
        sa.Column(
            "summary", sa.JSON(), nullable=False, comment="what people read: repository, workflow, commit, builder"
        ),
        sa.Column("body", sa.Text(), nullable=False, comment="the attestation object as it was sent (PEP 740)"),
        sa.Column("trust_root", sa.String(length=80), nullable=False, comment="which root it was verified against"),
        sa.Column("verified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_attestation_file_id", "attestation", ["file_id"])
