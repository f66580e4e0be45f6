"""Projects and files of upstreams as they list them, and when they were last confirmed."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

mirror_project = sa.Table(
    "mirror_project",
    METADATA,
    # One upstream has a name; which one stands in `name.upstream`, too, and there it counts.
    sa.Column("name", sa.String(100), primary_key=True, comment="normalised"),
    sa.Column("upstream", sa.String(32), nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("removed_at", Instant, comment="upstream answers 404 since then"),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("status_reason", sa.Text, nullable=False),
    sa.Column("versions", sa.JSON, nullable=False),
    sa.Column("signals", sa.JSON, nullable=False, comment="what another Customhouse says under _customhouse"),
    sa.Column("skipped", sa.JSON, nullable=False, comment="how many files were left out, by reason"),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("last_modified", sa.Text, nullable=False),
    sa.Column("page_digest", sa.String(64), nullable=False, comment="SHA-256 of the page as it was read last"),
    sa.Column("details_at", Instant, comment="when the JSON API was last asked for what the page lacks"),
    sa.Column("details_missing", sa.Boolean, nullable=False, comment="it did not answer, and is asked again"),
    sa.Index("mirror_project_upstream", "upstream"),
    sqlite_with_rowid=False,
)

mirror_file = sa.Table(
    "mirror_file",
    METADATA,
    sa.Column("name", sa.ForeignKey("mirror_project.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("filename", sa.String(300), primary_key=True),
    sa.Column("version", sa.String(128), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    # The first digest that upstream has ever given: a file name has one, whatever it says later.
    sa.Column("sha256", sa.String(64), nullable=False, comment="empty: upstream has never said one"),
    sa.Column("other_digest", sa.String(140), nullable=False, comment="ALGORITHM=HEX if there is no sha256"),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("uploaded_at", Instant),
    sa.Column("requires_python", sa.Text),
    sa.Column("yanked", sa.Boolean, nullable=False),
    sa.Column("yanked_reason", sa.Text, nullable=False),
    sa.Column("has_metadata", sa.Boolean, nullable=False),
    sa.Column("metadata_sha256", sa.String(64), nullable=False),
    sa.Column("provenance_url", sa.Text, nullable=False),
    sa.Column("signals", sa.JSON, nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("removed_at", Instant, comment="upstream lists it no longer since then"),
    sa.Column("conflict", sa.String(140), nullable=False, comment="another digest that upstream gives now: refused"),
    sqlite_with_rowid=False,
)

upstream_check = sa.Table(
    "upstream_check",
    METADATA,
    # The read path reads it without SQLAlchemy: plain columns.
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column(
        "checked_at", sa.BigInteger, nullable=False, comment="seconds since 1970: upstream has confirmed it then"
    ),
    sqlite_with_rowid=False,
)

upstream_health = sa.Table(
    "upstream_health",
    METADATA,
    sa.Column("upstream", sa.String(32), primary_key=True),
    sa.Column("failed_at", Instant, nullable=False, comment="when it could last not be asked"),
    sa.Column("error", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
