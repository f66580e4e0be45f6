"""Files of upstreams that are here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "mirrored_object",
        sa.Column("upstream", sa.String(length=32), nullable=False),
        sa.Column("filename", sa.String(length=300), nullable=False),
        sa.Column("project", sa.String(length=100), nullable=False, comment="normalised"),
        sa.Column("version", sa.String(length=128), nullable=False, comment="normalised"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="sha256; empty: never fetched whole"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.Boolean(), nullable=False, comment="whether its bytes are here"),
        sa.Column(
            "pinned_by", sa.String(length=16), nullable=False, comment="sha256 | other-digest | first-use, or empty"
        ),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True, comment="null: never whole"),
        sa.Column("used_at", sa.BigInteger(), nullable=False, comment="last handed out, to a day"),
        sa.Column("examined_at", sa.BigInteger(), nullable=True, comment="null: nobody has looked into it"),
        sa.Column(
            "refusal", sa.Text(), nullable=False, comment="why the strict reader refuses it; empty: it reads well"
        ),
        sa.Column("refusal_code", sa.String(length=64), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False, comment="code, where and detail of each"),
        sa.Column("metadata_digest", sa.String(length=64), nullable=False, comment="sha256; empty: none is kept"),
        sa.Column("metadata_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("metadata_from", sa.String(length=16), nullable=False, comment="upstream | range | file, or empty"),
        sa.Column("requires", sa.JSON(), nullable=False, comment="Requires-Dist"),
        sa.Column("licence", sa.Text(), nullable=False, comment="License-Expression"),
        sa.Column(
            "tables_version", sa.Integer(), nullable=False, comment="of the scan for libraries; 0: none was made"
        ),
        sa.Column("scan_notes", sa.JSON(), nullable=False, comment="what could not be read, with the place"),
        sa.PrimaryKeyConstraint("upstream", "filename"),
        sqlite_with_rowid=False,
    )
    for column in ("project", "digest", "used_at", "examined_at", "metadata_digest"):
        op.create_index(f"ix_mirrored_object_{column}", "mirrored_object", [column])
    op.create_table(
        "mirrored_library",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("upstream", sa.String(length=32), nullable=False),
        sa.Column("filename", sa.String(length=300), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False, comment="the library's name in lower case"),
        sa.Column("library", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True, comment="null: unknown"),
        sa.Column("member", sa.Text(), nullable=False, comment="of the wheel"),
        sa.Column("evidence", sa.JSON(), nullable=False, comment="kind, version, where and words of each"),
        sa.Column("purl", sa.Text(), nullable=False),
        sa.Column("cpe", sa.String(length=200), nullable=False, comment="vendor:product"),
        sa.ForeignKeyConstraint(
            ["upstream", "filename"], ["mirrored_object.upstream", "mirrored_object.filename"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mirrored_library_key", "mirrored_library", ["key"])
    op.create_index("ix_mirrored_library_of_file", "mirrored_library", ["upstream", "filename"])
    op.create_table(
        "mirrored_attestation",
        sa.Column("upstream", sa.String(length=32), nullable=False),
        sa.Column("filename", sa.String(length=300), nullable=False),
        sa.Column("project", sa.String(length=100), nullable=False, comment="normalised"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of the file that it was verified for"),
        sa.Column("outcome", sa.String(length=16), nullable=False, comment="verified | failed | unknown"),
        sa.Column("why", sa.Text(), nullable=False, comment="why it failed, or why nobody knows"),
        sa.Column(
            "publishers", sa.JSON(), nullable=False, comment="publisher, predicate, summary, root and time of each"
        ),
        sa.Column("body", sa.Text(), nullable=False, comment="the provenance object of what holds (PEP 740)"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", "filename"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mirrored_attestation_project", "mirrored_attestation", ["project"])
