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
    sa.Column("reason", sa.Text, nullable=False, server_default="", comment="why the name is reserved"),
    sa.Column("upstream", sa.String(32), comment="if it is served from there: which one of the settings"),
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
    sa.Column("successor", sa.String(100), nullable=False, server_default="", comment="of a deprecated project"),
    sa.Column("visibility", sa.String(8), nullable=False, server_default="public", comment="public | private"),
    sa.Column("organization_id", sa.ForeignKey("organization.id"), index=True),
    sa.Column("deleted_at", Instant),
    sa.Column("delete_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("file_quota_bytes", sa.BigInteger, comment="granted by an operator; the most generous limit counts"),
    sa.Column("project_quota_bytes", sa.BigInteger),
    sa.Column("slow_motion", sa.Boolean, nullable=False, server_default=sa.false(), comment="its owners asked for it"),
)

critical_mark = sa.Table(
    "critical_mark",
    METADATA,
    # By name and not by project: deleting and making again must not wash it off.
    sa.Column("normalized", sa.ForeignKey("name.normalized"), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("marked_at", Instant, nullable=False),
    sa.Column("source", sa.String(16), nullable=False, server_default="operator", comment="who marked it"),
    sa.Column("rank", sa.BigInteger, comment="by downloads, when they were last counted"),
    sa.Column("downloads", sa.BigInteger, comment="the count behind the rank"),
    sqlite_with_rowid=False,
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
    sa.Column("yanked_at", Instant, comment="all its files are yanked, those to come too"),
    sa.Column("yanked_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("quarantined_at", Instant),
    sa.Column("quarantine_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("deleted_at", Instant),
    sa.Column("delete_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("reopened_at", Instant, comment="from then on it takes files again for a while"),
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
    sa.Column("uploader_id", sa.ForeignKey("account.id"), comment="null: a trusted publisher sent it"),
    sa.Column("publisher_id", sa.ForeignKey("trusted_publisher.id")),
    sa.Column("requires_python", sa.Text),
    sa.Column("yanked_at", Instant),
    sa.Column("yanked_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("metadata_digest", sa.String(64), nullable=False, index=True),
    sa.Column("metadata_size_bytes", sa.BigInteger, nullable=False),
    sa.Column("metadata_served", sa.Boolean, nullable=False, comment="whether .metadata is offered (PEP 658)"),
    sa.Column("metadata", sa.LargeBinary, nullable=False, comment="METADATA or PKG-INFO, zlib"),
    sa.Column("signals", sa.JSON, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.Column("delete_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("erased_at", Instant, comment="its bytes are gone for ever, by an operator"),
    sa.Column("erase_reason", sa.Text, nullable=False, server_default=""),
    sa.Index("file_project", "project_id", "uploaded_at"),
    sa.Index("file_uploader", "uploader_id", "uploaded_at"),
    sa.Index("file_uploaded_at", "uploaded_at"),
)

requirement = sa.Table(
    "requirement",
    METADATA,
    sa.Column("file_id", sa.ForeignKey("file.id"), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True, index=True, comment="normalised; not necessarily ours"),
    sqlite_with_rowid=False,
)

organization = sa.Table(
    "organization",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("normalized", sa.String(50), nullable=False, unique=True),
    sa.Column("display", sa.String(100), nullable=False, server_default=""),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("file_quota_bytes", sa.BigInteger),
    sa.Column("project_quota_bytes", sa.BigInteger),
)

organization_member = sa.Table(
    "organization_member",
    METADATA,
    sa.Column("organization_id", sa.ForeignKey("organization.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True, index=True),
    sa.Column("role", sa.String(16), nullable=False, comment="owner | manager | member"),
    sqlite_with_rowid=False,
)

team = sa.Table(
    "team",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("organization_id", sa.ForeignKey("organization.id"), nullable=False),
    sa.Column("name", sa.String(50), nullable=False),
    sa.UniqueConstraint("organization_id", "name"),
)

team_member = sa.Table(
    "team_member",
    METADATA,
    sa.Column("team_id", sa.ForeignKey("team.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

team_role = sa.Table(
    "team_role",
    METADATA,
    sa.Column("team_id", sa.ForeignKey("team.id"), primary_key=True),
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True, index=True),
    sa.Column("role", sa.String(16), nullable=False, comment="owner | maintainer"),
    sqlite_with_rowid=False,
)

invitation = sa.Table(
    "invitation",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False, comment="project | organization | transfer"),
    sa.Column("project_id", sa.ForeignKey("project.id"), index=True),
    sa.Column("organization_id", sa.ForeignKey("organization.id"), index=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True, comment="who may answer"),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("invited_by", sa.ForeignKey("account.id"), comment="null: an operator on the command line"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("answered_at", Instant),
    sa.Column("answer", sa.String(16), nullable=False, server_default="", comment="accepted | declined | withdrawn"),
)

namespace = sa.Table(
    "namespace",
    METADATA,
    sa.Column("prefix", sa.String(100), primary_key=True, comment="normalised, without the dash at its end"),
    sa.Column("organization_id", sa.ForeignKey("organization.id"), nullable=False, index=True),
    sa.Column("granted_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
