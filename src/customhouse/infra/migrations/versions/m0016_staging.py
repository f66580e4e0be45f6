"""Releases that wait for people: upload sessions, approvals and rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _sessions()
    _files()
    _approvals()
    with op.batch_alter_table("file") as file:
        file.alter_column(
            "uploader_id", existing_type=BIG_ID, nullable=True, comment="null: a trusted publisher sent it"
        )
        file.add_column(sa.Column("publisher_id", BIG_ID, nullable=True))
        file.create_foreign_key("file_publisher_id_fkey", "trusted_publisher", ["publisher_id"], ["id"])
        file.create_index("file_uploader", ["uploader_id", "uploaded_at"])
        file.create_index("file_uploaded_at", ["uploaded_at"])


def _sessions() -> None:
    """Upload sessions (PEP 694)."""
    op.create_table(
        "upload_session",
        sa.Column("id", sa.String(length=32), nullable=False, comment="random; also what its address ends with"),
        sa.Column("stage", sa.String(length=64), nullable=False, comment="random: whoever has it may read the stage"),
        sa.Column("normalized", sa.String(length=100), nullable=False, comment="the project's name"),
        sa.Column("display", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False, comment="canonical (PEP 440)"),
        sa.Column("project_id", BIG_ID, nullable=True, comment="null: its publication makes the project"),
        sa.Column("organization_id", BIG_ID, nullable=True, comment="that is to hold a new project"),
        sa.Column("account_id", BIG_ID, nullable=True, comment="who began it, unless a publisher did"),
        sa.Column("publisher_id", BIG_ID, nullable=True),
        sa.Column("protocol", sa.String(length=8), server_default="2.0", nullable=False, comment="2.0 | legacy"),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="open | processing | error | published | canceled"
        ),
        sa.Column("reasons", sa.JSON(), nullable=False, comment="why it waits for people: code and sentence each"),
        sa.Column("notices", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "changed_at", sa.BigInteger(), nullable=False, comment="of its files: approvals before it count no more"
        ),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["publisher_id"], ["trusted_publisher.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stage"),
    )
    op.create_index("ix_upload_session_account_id", "upload_session", ["account_id"])
    op.create_index("ix_upload_session_expires_at", "upload_session", ["expires_at"])
    op.create_index("ix_upload_session_project_id", "upload_session", ["project_id"])
    op.create_index("ix_upload_session_publisher_id", "upload_session", ["publisher_id"])
    op.create_index(
        "upload_session_open",
        "upload_session",
        ["normalized", "version"],
        unique=True,
        sqlite_where=sa.text("state IN ('open', 'processing', 'error')"),
        postgresql_where=sa.text("state IN ('open', 'processing', 'error')"),
    )


def _files() -> None:
    """Their files, and the parts of files under way."""
    op.create_table(
        "upload_file",
        sa.Column("id", sa.String(length=32), nullable=False, comment="random"),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False, comment="the parsed file name, as in file_name"),
        sa.Column("filename", sa.String(length=500), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="as announced"),
        sa.Column("hashes", sa.JSON(), nullable=False, comment="as announced: algorithm and hexadecimal digest"),
        sa.Column("mechanism", sa.String(length=40), nullable=False),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="pending | processing | completed | error | canceled"
        ),
        sa.Column("notices", sa.JSON(), nullable=False),
        sa.Column("account_id", BIG_ID, nullable=True, comment="who sent it, unless a publisher did"),
        sa.Column("publisher_id", BIG_ID, nullable=True),
        sa.Column("token_id", sa.String(length=32), server_default="", nullable=False),
        sa.Column(
            "stages_only",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="as its sender",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("attestations", sa.Text(), nullable=True, comment="as they were sent: a JSON list (PEP 740)"),
        sa.Column("attested", sa.JSON(), nullable=True, comment="what verifying them has shown"),
        sa.Column("received_at", sa.BigInteger(), nullable=True, comment="all bytes are in the store"),
        sa.Column("digest", sa.String(length=64), nullable=True, comment="SHA-256 of the bytes received"),
        sa.Column("md5", sa.String(length=32), nullable=True),
        sa.Column("blake2b_256", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=True),
        sa.Column("metadata_digest", sa.String(length=64), nullable=True),
        sa.Column("metadata_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("metadata_served", sa.Boolean(), nullable=True),
        sa.Column("metadata", sa.LargeBinary(), nullable=True, comment="METADATA or PKG-INFO, zlib"),
        sa.Column("signals", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["publisher_id"], ["trusted_publisher.id"]),
        sa.ForeignKeyConstraint(["session_id"], ["upload_session.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_upload_file_digest", "upload_file", ["digest"])
    op.create_index("ix_upload_file_metadata_digest", "upload_file", ["metadata_digest"])
    op.create_index("ix_upload_file_session_id", "upload_file", ["session_id"])
    op.create_index("upload_file_account", "upload_file", ["account_id", "created_at"])
    op.create_index("upload_file_created_at", "upload_file", ["created_at"])
    op.create_index(
        "upload_file_there",
        "upload_file",
        ["session_id", "key"],
        unique=True,
        sqlite_where=sa.text("state <> 'canceled'"),
        postgresql_where=sa.text("state <> 'canceled'"),
    )
    op.create_table(
        "upload_part",
        sa.Column("file_id", sa.String(length=32), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False, comment="in bytes from the file's beginning"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256; the bytes lie in the store"),
        sa.ForeignKeyConstraint(["file_id"], ["upload_file.id"]),
        sa.PrimaryKeyConstraint("file_id", "offset"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_upload_part_digest", "upload_part", ["digest"])


def _approvals() -> None:
    """Who has approved what, and how many must."""
    op.create_table(
        "approval",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column(
            "manifest", sa.String(length=64), nullable=False, comment="SHA-256 of the manifest that was approved"
        ),
        sa.Column("method", sa.String(length=16), nullable=False, comment="webauthn | totp | password"),
        sa.Column("evidence", sa.JSON(), nullable=False, comment="of WebAuthn: what the key has signed"),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["session_id"], ["upload_session.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session_id", "account_id", "manifest"),
    )
    op.create_index("ix_approval_session_id", "approval", ["session_id"])
    op.create_table(
        "release_rule",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("approvals", sa.Integer(), server_default="0", nullable=False, comment="how many people"),
        sa.Column("method", sa.String(length=16), server_default="any", nullable=False, comment="any | webauthn"),
        sa.Column("not_uploader", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column(
            "minimum_age_seconds", sa.BigInteger(), server_default="0", nullable=False, comment="of the last file"
        ),
        sa.Column(
            "team_id", BIG_ID, nullable=True, comment="whose members alone approve; null: owners and maintainers"
        ),
        sa.Column("publishers_only", sa.Boolean(), server_default=sa.false(), nullable=False, comment="no API tokens"),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"]),
        sa.PrimaryKeyConstraint("project_id"),
    )
