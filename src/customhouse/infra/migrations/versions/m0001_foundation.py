"""The foundation: accounts, tokens, names, projects, releases, files, the ledger, jobs and the read path's pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from customhouse.infra import pages_schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GENESIS = "0" * 64


def upgrade() -> None:
    """Make every table."""
    _accounts()
    _catalog()
    _ledger()
    _infra()


def _accounts() -> None:
    """Accounts and their tokens."""
    op.create_table(
        "account",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("normalized", sa.String(length=50), nullable=False),
        sa.Column("email", sa.String(length=254), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("frozen_at", sa.BigInteger(), nullable=True, comment="no way of signing in works while set"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("normalized"),
    )
    op.create_table(
        "api_token",
        sa.Column(
            "id", sa.String(length=40), nullable=False, comment="the public identifier; the secret is derived from it"
        ),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column(
            "project",
            sa.String(length=100),
            nullable=True,
            comment="normalised name; null means every project of the account",
        ),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_api_token_account_id"), "api_token", ["account_id"], unique=False)


def _catalog() -> None:
    """Projects, releases, files and the names that never become free."""
    op.create_table(
        "name",
        sa.Column("normalized", sa.String(length=100), nullable=False),
        sa.Column("ultranormalized", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="hosted | reserved | upstream"),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("normalized"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "name_look_alike",
        "name",
        ["ultranormalized"],
        unique=True,
        sqlite_where=sa.text("state <> 'upstream'"),
        postgresql_where=sa.text("state <> 'upstream'"),
    )
    op.create_table(
        "project",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("normalized", sa.String(length=100), nullable=False),
        sa.Column("display", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("status_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["normalized"], ["name.normalized"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("normalized"),
    )
    op.create_table(
        "project_role",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False, comment="owner | maintainer"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_project_role_account_id"), "project_role", ["account_id"], unique=False)
    op.create_table(
        "release",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False, comment="canonical (PEP 440)"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "version"),
    )
    op.create_table(
        "file_name",
        sa.Column(
            "key", sa.String(length=500), nullable=False, comment="the parsed name, so that two spellings are one"
        ),
        sa.Column("filename", sa.String(length=500), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="the only one this name ever has"),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "file",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("release_id", BIG_ID, nullable=False),
        sa.Column("filename", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="bdist_wheel | sdist"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256"),
        sa.Column("md5", sa.String(length=32), nullable=False),
        sa.Column("blake2b_256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.Column("uploader_id", BIG_ID, nullable=False),
        sa.Column("requires_python", sa.Text(), nullable=True),
        sa.Column("yanked_at", sa.BigInteger(), nullable=True),
        sa.Column("yanked_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("metadata_digest", sa.String(length=64), nullable=False),
        sa.Column("metadata_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("metadata_served", sa.Boolean(), nullable=False, comment="whether .metadata is offered (PEP 658)"),
        sa.Column("metadata", sa.LargeBinary(), nullable=False, comment="METADATA or PKG-INFO, zlib"),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"]),
        sa.ForeignKeyConstraint(["uploader_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
        sa.UniqueConstraint("filename"),
    )
    op.create_index("file_project", "file", ["project_id", "uploaded_at"], unique=False)
    op.create_index(op.f("ix_file_metadata_digest"), "file", ["metadata_digest"], unique=False)
    op.create_index(op.f("ix_file_release_id"), "file", ["release_id"], unique=False)


def _ledger() -> None:
    """The ledger, with the head row that the first event follows."""
    op.create_table(
        "ledger_event",
        sa.Column("serial", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column(
            "project",
            sa.String(length=100),
            nullable=True,
            comment="normalised name, without a foreign key: events outlive projects",
        ),
        sa.Column("body", sa.Text(), nullable=False, comment="canonical JSON, exactly the bytes that were hashed"),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("serial"),
    )
    op.create_index("ledger_event_kind", "ledger_event", ["kind", "serial"], unique=False)
    op.create_index("ledger_event_project", "ledger_event", ["project", "serial"], unique=False)
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    head = sa.table("ledger_head", sa.column("id"), sa.column("serial"), sa.column("hash"))
    op.bulk_insert(head, [{"id": 1, "serial": 0, "hash": GENESIS}])


def _infra() -> None:
    """Jobs, marks of the sweep, and the tables that the read path owns."""
    op.create_table(
        "job",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True, comment="at most one unfinished job of this key"),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("job_due", "job", ["due_at"], unique=False)
    op.create_table(
        "sweep_mark",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="sweeping | swept"),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
        sqlite_autoincrement=True,
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in pages_schema.CREATE_SQLITE if sqlite else pages_schema.CREATE_POSTGRES:
        op.execute(statement)
    op.execute("INSERT INTO changed (name, serial) VALUES ('', 0)")
