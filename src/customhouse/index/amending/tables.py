"""What was said of releases afterwards. A row is written once; of it only what its withdrawal says is added later."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

amendment = sa.Table(
    "amendment",
    METADATA,
    sa.Column("id", sa.String(26), primary_key=True, comment="random; part of the signed record"),
    # By name: what a view says of an upstream's project has no row in `project`.
    sa.Column("project", sa.String(100), nullable=False, index=True, comment="normalised"),
    sa.Column("view", sa.String(40), nullable=False, comment="in which it counts; empty: everywhere"),
    sa.Column("kind", sa.String(16), nullable=False, comment="narrowing | widening, as computed"),
    sa.Column("requires", sa.String(100), nullable=False, comment="whose versions it is about, normalised"),
    sa.Column("record", sa.Text, nullable=False, comment="the signed record, canonical JSON"),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("signature", sa.String(200), nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), index=True, comment="who said it; null: the command line"),
    sa.Column("made_at", Instant, nullable=False, index=True),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawal", sa.Text, nullable=False, server_default="", comment="the signed record of its end"),
    sa.Column("withdrawal_key", sa.String(64), nullable=False, server_default=""),
    sa.Column("withdrawal_signature", sa.String(200), nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

amended_release = sa.Table(
    "amended_release",
    METADATA,
    sa.Column("amendment_id", sa.ForeignKey("amendment.id"), primary_key=True),
    sa.Column("version", sa.String(200), primary_key=True, comment="in normal form"),
    sa.Column("requires_dist", sa.JSON, nullable=False, comment="all that its metadata requires"),
    sa.Column("requires_python", sa.Text, nullable=False),
    sa.Column("provides_extra", sa.JSON, nullable=False),
    sqlite_with_rowid=False,
)
