"""The private Sigstore: its logs and what it has issued."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and two empty logs."""
    made = op.create_table(
        "sigstore_log",
        sa.Column("name", sa.String(length=16), nullable=False, comment="entries | certificates"),
        sa.Column("size", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.bulk_insert(made, [{"name": "entries", "size": 0}, {"name": "certificates", "size": 0}])
    op.create_table(
        "sigstore_leaf",
        sa.Column("log", sa.String(length=16), nullable=False),
        sa.Column("place", BIG_ID, nullable=False, comment="counts from 0, without gaps"),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="what was hashed, byte by byte"),
        sa.Column("kind", sa.String(length=40), nullable=False, comment="and its version"),
        sa.Column("name", sa.String(length=1000), nullable=False, comment="who has signed, as the certificate says it"),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("logged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log", "place"),
    )
    op.create_index("sigstore_leaf_once", "sigstore_leaf", ["log", "leaf_hash"], unique=True)
    op.create_index("sigstore_leaf_name", "sigstore_leaf", ["log", "name"])
    op.create_table(
        "sigstore_tile",
        sa.Column("log", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", BIG_ID, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False, comment="32 bytes each, at most 256 of them"),
        sa.PrimaryKeyConstraint("log", "level", "number"),
    )
    _witnesses()
    _used_once()
    _trust_repository()


def _witnesses() -> None:
    op.create_table(
        "sigstore_cosignature",
        sa.Column("log", sa.String(length=16), nullable=False),
        sa.Column("witness", sa.String(length=200), nullable=False),
        sa.Column(
            "note", sa.Text(), nullable=False, comment="the checkpoint that it has signed last, with its signature"
        ),
        sa.Column("size", BIG_ID, nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "fault", sa.String(length=300), server_default="", nullable=False, comment="why the last attempt failed"
        ),
        sa.PrimaryKeyConstraint("log", "witness"),
    )
    op.create_table(
        "sigstore_witnessed",
        sa.Column("origin", sa.String(length=300), nullable=False, comment="of a log that this index is a witness of"),
        sa.Column("size", BIG_ID, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin"),
    )


def _used_once() -> None:
    op.create_table(
        "sigstore_token",
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("jti", sa.String(length=255), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False, comment="the one key that this token is worth"),
        sa.Column("kept_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti"),
    )
    op.create_index("ix_sigstore_token_kept_until", "sigstore_token", ["kept_until"])
    op.create_table(
        "sigstore_code",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("redirect_uri", sa.String(length=300), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False, comment="PKCE, S256"),
        sa.Column("nonce", sa.String(length=200), server_default="", nullable=False),
        sa.Column("proved_by", sa.String(length=16), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("code_hash"),
    )
    for column in ("account_id", "expires_at"):
        op.create_index(f"ix_sigstore_code_{column}", "sigstore_code", [column])


def _trust_repository() -> None:
    op.create_table(
        "sigstore_metadata",
        sa.Column("role", sa.String(length=16), nullable=False, comment="of TUF"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("role", "version"),
    )
    op.create_table(
        "sigstore_target",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
