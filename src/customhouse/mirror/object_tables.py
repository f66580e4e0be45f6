"""Files of upstreams that are here, or were: their digests are kept for ever, their bytes as long as anybody asks."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

mirrored_object = sa.Table(
    "mirrored_object",
    METADATA,
    sa.Column("upstream", sa.String(32), primary_key=True),
    sa.Column("filename", sa.String(300), primary_key=True),
    sa.Column("project", sa.String(100), nullable=False, index=True, comment="normalised"),
    sa.Column("version", sa.String(128), nullable=False, comment="normalised"),
    # Never changed once it is there: a name has one digest, whatever an upstream says later.
    sa.Column("digest", sa.String(64), nullable=False, index=True, comment="sha256; empty: never fetched whole"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("stored", sa.Boolean, nullable=False, comment="whether its bytes are here"),
    sa.Column("pinned_by", sa.String(16), nullable=False, comment="sha256 | other-digest | first-use, or empty"),
    sa.Column("fetched_at", Instant, comment="null: never whole"),
    sa.Column("used_at", Instant, nullable=False, index=True, comment="last handed out, to a day"),
    sa.Column("examined_at", Instant, index=True, comment="null: nobody has looked into it"),
    sa.Column("refusal", sa.Text, nullable=False, comment="why the strict reader refuses it; empty: it reads well"),
    sa.Column("refusal_code", sa.String(64), nullable=False),
    sa.Column("signals", sa.JSON, nullable=False, comment="code, where and detail of each"),
    sa.Column("metadata_digest", sa.String(64), nullable=False, index=True, comment="sha256; empty: none is kept"),
    sa.Column("metadata_size_bytes", sa.BigInteger, nullable=False),
    sa.Column("metadata_from", sa.String(16), nullable=False, comment="upstream | range | file, or empty"),
    sa.Column("requires", sa.JSON, nullable=False, comment="Requires-Dist"),
    sa.Column("licence", sa.Text, nullable=False, comment="License-Expression"),
    sa.Column("tables_version", sa.Integer, nullable=False, comment="of the scan for libraries; 0: none was made"),
    sa.Column("scan_notes", sa.JSON, nullable=False, comment="what could not be read, with the place"),
    sqlite_with_rowid=False,
)

mirrored_library = sa.Table(
    "mirrored_library",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("upstream", sa.String(32), nullable=False),
    sa.Column("filename", sa.String(300), nullable=False),
    sa.Column("key", sa.String(200), nullable=False, index=True, comment="the library's name in lower case"),
    sa.Column("library", sa.String(200), nullable=False),
    sa.Column("version", sa.String(64), comment="null: unknown"),
    sa.Column("member", sa.Text, nullable=False, comment="of the wheel"),
    sa.Column("evidence", sa.JSON, nullable=False, comment="kind, version, where and words of each"),
    sa.Column("purl", sa.Text, nullable=False),
    sa.Column("cpe", sa.String(200), nullable=False, comment="vendor:product"),
    sa.ForeignKeyConstraint(
        ["upstream", "filename"], ["mirrored_object.upstream", "mirrored_object.filename"], ondelete="CASCADE"
    ),
    sa.Index("ix_mirrored_library_of_file", "upstream", "filename"),
)

mirrored_attestation = sa.Table(
    "mirrored_attestation",
    METADATA,
    sa.Column("upstream", sa.String(32), primary_key=True),
    sa.Column("filename", sa.String(300), primary_key=True),
    sa.Column("project", sa.String(100), nullable=False, index=True, comment="normalised"),
    sa.Column("digest", sa.String(64), nullable=False, comment="of the file that it was verified for"),
    sa.Column("outcome", sa.String(16), nullable=False, comment="verified | failed | unknown"),
    sa.Column("why", sa.Text, nullable=False, comment="why it failed, or why nobody knows"),
    sa.Column("publishers", sa.JSON, nullable=False, comment="publisher, predicate, summary, root and time of each"),
    sa.Column("body", sa.Text, nullable=False, comment="the provenance object of what holds (PEP 740)"),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("checked_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
