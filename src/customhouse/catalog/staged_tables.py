"""Releases that wait for people: upload sessions, their files and the parts of these, approvals (PEP 694)."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

_OPEN = sa.text("state IN ('open', 'processing', 'error')")
_THERE = sa.text("state <> 'canceled'")

upload_session = sa.Table(
    "upload_session",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True, comment="random; also what its address ends with"),
    sa.Column("stage", sa.String(64), nullable=False, unique=True, comment="random: whoever has it may read the stage"),
    sa.Column("normalized", sa.String(100), nullable=False, comment="the project's name"),
    sa.Column("display", sa.String(100), nullable=False),
    sa.Column("version", sa.String(200), nullable=False, comment="canonical (PEP 440)"),
    sa.Column("project_id", sa.ForeignKey("project.id"), index=True, comment="null: its publication makes the project"),
    sa.Column("organization_id", sa.ForeignKey("organization.id"), comment="that is to hold a new project"),
    sa.Column("account_id", sa.ForeignKey("account.id"), index=True, comment="who began it, unless a publisher did"),
    sa.Column("publisher_id", sa.ForeignKey("trusted_publisher.id"), index=True),
    sa.Column("protocol", sa.String(8), nullable=False, server_default="2.0", comment="2.0 | legacy"),
    sa.Column("state", sa.String(16), nullable=False, comment="open | processing | error | published | canceled"),
    sa.Column("reasons", sa.JSON, nullable=False, comment="why it waits for people: code and sentence each"),
    sa.Column("notices", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False, comment="of its files: approvals before it count no more"),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("ended_at", Instant),
    sa.Column(
        "embargo", sa.String(40), nullable=False, server_default="",
        comment="public id of the disclosure case that alone may know of it",
    ),
    # What is under embargo stands in nobody's way: whoever may not know of it must not run into it.
    sa.Index(
        "upload_session_open", "normalized", "version", "embargo", unique=True, sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
)  # fmt: skip

upload_file = sa.Table(
    "upload_file",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True, comment="random"),
    sa.Column("session_id", sa.ForeignKey("upload_session.id"), nullable=False, index=True),
    sa.Column("key", sa.String(500), nullable=False, comment="the parsed file name, as in file_name"),
    sa.Column("filename", sa.String(500), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False, comment="as announced"),
    sa.Column("hashes", sa.JSON, nullable=False, comment="as announced: algorithm and hexadecimal digest"),
    sa.Column("mechanism", sa.String(40), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, comment="pending | processing | completed | error | canceled"),
    sa.Column("notices", sa.JSON, nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), comment="who sent it, unless a publisher did"),
    sa.Column("publisher_id", sa.ForeignKey("trusted_publisher.id")),
    sa.Column("token_id", sa.String(32), nullable=False, server_default=""),
    sa.Column("stages_only", sa.Boolean, nullable=False, server_default=sa.false(), comment="as its sender"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("attestations", sa.Text, comment="as they were sent: a JSON list (PEP 740)"),
    sa.Column("attested", sa.JSON, comment="what verifying them has shown"),
    sa.Column("received_at", Instant, comment="all bytes are in the store"),
    # What the artifact says, as in `file`; null until it has been examined.
    sa.Column("digest", sa.String(64), index=True, comment="SHA-256 of the bytes received"),
    sa.Column("md5", sa.String(32)),
    sa.Column("blake2b_256", sa.String(64)),
    sa.Column("kind", sa.String(16)),
    sa.Column("metadata_digest", sa.String(64), index=True),
    sa.Column("metadata_size_bytes", sa.BigInteger),
    sa.Column("metadata_served", sa.Boolean),
    sa.Column("metadata", sa.LargeBinary, comment="METADATA or PKG-INFO, zlib"),
    sa.Column("signals", sa.JSON),
    sa.Column("bundled", sa.JSON, comment="what a wheel bundles, until published"),
    sa.Index("upload_file_account", "account_id", "created_at"),
    sa.Index("upload_file_created_at", "created_at"),
    sa.Index(
        "upload_file_there", "session_id", "key", unique=True, sqlite_where=_THERE, postgresql_where=_THERE
    ),
)  # fmt: skip

upload_part = sa.Table(
    "upload_part",
    METADATA,
    sa.Column("file_id", sa.ForeignKey("upload_file.id"), primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True, comment="in bytes from the file's beginning"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, index=True, comment="SHA-256; the bytes lie in the store"),
    sqlite_with_rowid=False,
)

approval = sa.Table(
    "approval",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("session_id", sa.ForeignKey("upload_session.id"), nullable=False, index=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("manifest", sa.String(64), nullable=False, comment="SHA-256 of the manifest that was approved"),
    sa.Column("method", sa.String(16), nullable=False, comment="webauthn | totp | password"),
    sa.Column("evidence", sa.JSON, nullable=False, comment="of WebAuthn: what the key has signed"),
    sa.Column("approved_at", Instant, nullable=False),
    sa.Column("withdrawn_at", Instant),
    sa.UniqueConstraint("session_id", "account_id", "manifest"),
)

release_rule = sa.Table(
    "release_rule",
    METADATA,
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("approvals", sa.Integer, nullable=False, server_default="0", comment="how many people"),
    sa.Column("method", sa.String(16), nullable=False, server_default="any", comment="any | webauthn"),
    sa.Column("not_uploader", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("minimum_age_seconds", sa.BigInteger, nullable=False, server_default="0", comment="of the last file"),
    sa.Column("team_id", sa.ForeignKey("team.id"), comment="whose members alone approve; null: owners and maintainers"),
    sa.Column("publishers_only", sa.Boolean, nullable=False, server_default=sa.false(), comment="no API tokens"),
    sa.Column("changed_at", Instant, nullable=False),
)
