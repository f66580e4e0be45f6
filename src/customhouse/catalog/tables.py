"""Projects, releases, files, and the two tables that no name ever leaves: `name` and `file_name`."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

name = sa.Table(
    "name",
    METADATA,
    sa.Column("normalized", sa.String(100), primary_key=True),
    sa.Column("ultranormalized", sa.String(100), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, comment="hosted | reserved | upstream"),
    sa.Column("claimed_at", Instant, nullable=False),
    # Names from upstream may collide with each other (PyPI's oldest do); ours may not.
    sa.Index(
        "name_look_alike",
        "ultranormalized",
        unique=True,
        sqlite_where=sa.text("state <> 'upstream'"),
        postgresql_where=sa.text("state <> 'upstream'"),
    ),
    sqlite_with_rowid=False,
)

project = sa.Table(
    "project",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("normalized", sa.ForeignKey("name.normalized"), nullable=False, unique=True),
    sa.Column("display", sa.String(100), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, server_default="active"),
    sa.Column("status_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("signals", sa.JSON, nullable=False),
)

project_role = sa.Table(
    "project_role",
    METADATA,
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True, index=True),
    sa.Column("role", sa.String(16), nullable=False, comment="owner | maintainer"),
    sqlite_with_rowid=False,
)

release = sa.Table(
    "release",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("project_id", sa.ForeignKey("project.id"), nullable=False),
    sa.Column("version", sa.String(200), nullable=False, comment="canonical (PEP 440)"),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("project_id", "version"),
)

file_name = sa.Table(
    "file_name",
    METADATA,
    sa.Column("key", sa.String(500), primary_key=True, comment="the parsed name, so that two spellings are one"),
    sa.Column("filename", sa.String(500), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, comment="the only one this name ever has"),
    sa.Column("claimed_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

file = sa.Table(
    "file",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("project_id", sa.ForeignKey("project.id"), nullable=False),
    sa.Column("release_id", sa.ForeignKey("release.id"), nullable=False, index=True),
    sa.Column("filename", sa.String(500), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False, comment="bdist_wheel | sdist"),
    sa.Column("digest", sa.String(64), nullable=False, unique=True, comment="SHA-256"),
    sa.Column("md5", sa.String(32), nullable=False),
    sa.Column("blake2b_256", sa.String(64), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("uploaded_at", Instant, nullable=False),
    sa.Column("uploader_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("requires_python", sa.Text),
    sa.Column("yanked_at", Instant),
    sa.Column("yanked_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("metadata_digest", sa.String(64), nullable=False, index=True),
    sa.Column("metadata_size_bytes", sa.BigInteger, nullable=False),
    sa.Column("metadata_served", sa.Boolean, nullable=False, comment="whether .metadata is offered (PEP 658)"),
    sa.Column("metadata", sa.LargeBinary, nullable=False, comment="METADATA or PKG-INFO, zlib"),
    sa.Column("signals", sa.JSON, nullable=False),
    sa.Index("file_project", "project_id", "uploaded_at"),
)
