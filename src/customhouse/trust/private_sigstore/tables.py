"""The logs of the private Sigstore, what witnesses have said of them, and what is used once."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

sigstore_log = sa.Table(
    "sigstore_log",
    METADATA,
    sa.Column("name", sa.String(16), primary_key=True, comment="entries | certificates"),
    sa.Column("size", BigId, nullable=False),
    sqlite_with_rowid=False,
)

sigstore_leaf = sa.Table(
    "sigstore_leaf",
    METADATA,
    sa.Column("log", sa.String(16), primary_key=True),
    sa.Column("place", BigId, primary_key=True, comment="counts from 0, without gaps"),
    sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="what was hashed, byte by byte"),
    sa.Column("kind", sa.String(40), nullable=False, comment="and its version"),
    sa.Column("name", sa.String(1000), nullable=False, comment="who has signed, as the certificate says it"),
    sa.Column("issuer", sa.String(300), nullable=False),
    sa.Column("logged_at", Instant, nullable=False),
    sa.Index("sigstore_leaf_once", "log", "leaf_hash", unique=True),
    sa.Index("sigstore_leaf_name", "log", "name"),
)

sigstore_tile = sa.Table(
    "sigstore_tile",
    METADATA,
    sa.Column("log", sa.String(16), primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("number", BigId, primary_key=True),
    sa.Column("hashes", sa.LargeBinary, nullable=False, comment="32 bytes each, at most 256 of them"),
)

sigstore_cosignature = sa.Table(
    "sigstore_cosignature",
    METADATA,
    sa.Column("log", sa.String(16), primary_key=True),
    sa.Column("witness", sa.String(200), primary_key=True),
    sa.Column("note", sa.Text, nullable=False, comment="the checkpoint that it has signed last, with its signature"),
    sa.Column("size", BigId, nullable=False),
    sa.Column("signed_at", Instant, nullable=False),
    sa.Column("fault", sa.String(300), nullable=False, server_default="", comment="why the last attempt failed"),
)

sigstore_witnessed = sa.Table(
    "sigstore_witnessed",
    METADATA,
    sa.Column("origin", sa.String(300), primary_key=True, comment="of a log that this index is a witness of"),
    sa.Column("size", BigId, nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("signed_at", Instant, nullable=False),
)

sigstore_token = sa.Table(
    "sigstore_token",
    METADATA,
    sa.Column("issuer", sa.String(300), primary_key=True),
    sa.Column("jti", sa.String(255), primary_key=True),
    sa.Column("key_hash", sa.String(64), nullable=False, comment="the one key that this token is worth"),
    sa.Column("kept_until", Instant, nullable=False, index=True),
)

sigstore_code = sa.Table(
    "sigstore_code",
    METADATA,
    sa.Column("code_hash", sa.String(64), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("redirect_uri", sa.String(300), nullable=False),
    sa.Column("challenge", sa.String(64), nullable=False, comment="PKCE, S256"),
    sa.Column("nonce", sa.String(200), nullable=False, server_default=""),
    sa.Column("proved_by", sa.String(16), nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)

sigstore_metadata = sa.Table(
    "sigstore_metadata",
    METADATA,
    sa.Column("role", sa.String(16), primary_key=True, comment="of TUF"),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

sigstore_target = sa.Table(
    "sigstore_target",
    METADATA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
