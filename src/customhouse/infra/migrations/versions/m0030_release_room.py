"""Release runs that meet at this server."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _runs()
    _lines()
    _machines()
    op.create_table(
        "release_object",
        sa.Column("run_id", sa.String(length=32), nullable=False, comment="a row of release_run"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.String(length=120), nullable=False, comment="an actor of the pipeline, or an account"),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_release_object_digest", "release_object", ["digest"])


def _runs() -> None:
    op.create_table(
        "release_run",
        sa.Column("id", sa.String(length=32), nullable=False, comment="random; also what its address ends with"),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column(
            "version", sa.String(length=200), nullable=False, comment="the parameter of that name, if there is one"
        ),
        sa.Column("pipeline_version", sa.Integer(), nullable=False, comment="of the definition: it only ever rises"),
        sa.Column("pipeline_sha256", sa.String(length=64), nullable=False),
        sa.Column("rehearsal", sa.Boolean(), nullable=False),
        sa.Column("embargoed", sa.Boolean(), nullable=False, comment="only who is named in it may know of it"),
        sa.Column("opened_by", BIG_ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False, comment="as `state.RunStatus`"),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False, comment="of the journal's last line; -1: none yet"),
        sa.Column("head", sa.String(length=64), nullable=False, comment="its hash"),
        sa.Column(
            "wake_at", sa.BigInteger(), nullable=True, comment="when time alone changes something: a lease, an approval"
        ),
        sa.ForeignKeyConstraint(["opened_by"], ["account.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("project_id", "opened_by", "wake_at"):
        op.create_index(f"ix_release_run_{column}", "release_run", [column])


def _lines() -> None:
    op.create_table(
        "release_line",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False, comment="from 0, without gaps"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Text(), nullable=False, comment="the sealed line, exactly as a file would hold it"),
        sa.ForeignKeyConstraint(["run_id"], ["release_run.id"]),
        sa.PrimaryKeyConstraint("run_id", "seq"),
        sqlite_with_rowid=False,
    )


def _machines() -> None:
    op.create_table(
        "release_machine",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("machine_key", sa.String(length=64), nullable=False, comment="Ed25519, hexadecimal"),
        sa.Column("identity", sa.String(length=600), nullable=False, comment="as the pipeline names identities"),
        sa.Column("account_id", BIG_ID, nullable=True, comment="of a person's machine"),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "removed_at",
            sa.BigInteger(),
            nullable=True,
            comment="from then on its token opens nothing and its key says nothing",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["release_run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "machine_key"),
    )
    op.create_index("ix_release_machine_account_id", "release_machine", ["account_id"])
