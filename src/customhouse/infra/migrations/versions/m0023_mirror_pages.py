"""Projects and files of upstreams as they list them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and say which upstream a name is from."""
    said = "if it is served from there: which one of the settings"
    op.add_column("name", sa.Column("upstream", sa.String(length=32), nullable=True, comment=said))
    op.create_table(
        "mirror_project",
        sa.Column("name", sa.String(length=100), nullable=False, comment="normalised"),
        sa.Column("upstream", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True, comment="upstream answers 404 since then"),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False, comment="what another Customhouse says under _customhouse"),
        sa.Column("skipped", sa.JSON(), nullable=False, comment="how many files were left out, by reason"),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column(
            "page_digest", sa.String(length=64), nullable=False, comment="SHA-256 of the page as it was read last"
        ),
        sa.Column(
            "details_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the JSON API was last asked for what the page lacks",
        ),
        sa.Column("details_missing", sa.Boolean(), nullable=False, comment="it did not answer, and is asked again"),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_index("mirror_project_upstream", "mirror_project", ["upstream"])
    op.create_table(
        "mirror_file",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("filename", sa.String(length=300), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False, comment="empty: upstream has never said one"),
        sa.Column("other_digest", sa.String(length=140), nullable=False, comment="ALGORITHM=HEX if there is no sha256"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=True),
        sa.Column("requires_python", sa.Text(), nullable=True),
        sa.Column("yanked", sa.Boolean(), nullable=False),
        sa.Column("yanked_reason", sa.Text(), nullable=False),
        sa.Column("has_metadata", sa.Boolean(), nullable=False),
        sa.Column("metadata_sha256", sa.String(length=64), nullable=False),
        sa.Column("provenance_url", sa.Text(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True, comment="upstream lists it no longer since then"),
        sa.Column(
            "conflict",
            sa.String(length=140),
            nullable=False,
            comment="another digest that upstream gives now: refused",
        ),
        sa.ForeignKeyConstraint(["name"], ["mirror_project.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name", "filename"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "upstream_check",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column(
            "checked_at",
            sa.BigInteger(),
            nullable=False,
            comment="seconds since 1970: upstream has confirmed it then",
        ),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "upstream_health",
        sa.Column("upstream", sa.String(length=32), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False, comment="when it could last not be asked"),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("upstream"),
        sqlite_with_rowid=False,
    )
