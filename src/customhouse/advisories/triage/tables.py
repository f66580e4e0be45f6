"""Records that were looked at, what was thought of them, and each verdict."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

triage_case = sa.Table(
    "triage_case",
    METADATA,
    sa.Column("id", sa.String(128), primary_key=True, comment="of the record: CVE-… or another database's"),
    sa.Column("form", sa.String(12), nullable=False, comment="cve-5 | nvd-2.0 | nvd-1.1 | osv"),
    sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of what matters in the record"),
    sa.Column("modified", Instant, comment="as the record says"),
    sa.Column("disputed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
    sa.Column("score", sa.Integer, nullable=False, server_default="0", comment="of the likeliest package"),
    sa.Column(
        "status", sa.String(16), nullable=False,
        comment="ignored | waiting | later | accepted | not-python | duplicate | rejected",
    ),
    sa.Column("packages", sa.JSON, nullable=False, comment="that it was accepted for"),
    sa.Column("advisory_id", sa.String(128), comment="that says it"),
    sa.Column("automatic", sa.Boolean, nullable=False, server_default=sa.false(), comment="nobody has decided it"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("decided_by", sa.String(200), nullable=False, server_default=""),
    sa.Column("decided_at", Instant),
    sa.Column("note", sa.Text, nullable=False, server_default="", comment="why it is to be looked at again"),
    sa.Column("record", sa.Text, comment="JSON; null while nothing leads to a package"),
    sa.Column("candidates", sa.Text, comment="JSON: packages, evidence, ranges"),
    sa.Column("imported_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Index("triage_case_queue", "status", "score"),
    sa.Index("triage_case_advisory", "advisory_id"),
)  # fmt: skip

triage_verdict = sa.Table(
    "triage_verdict",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("case_id", sa.ForeignKey("triage_case.id"), nullable=False, index=True),
    sa.Column("verdict", sa.String(16), nullable=False, comment="accepted | not-python | duplicate | later"),
    sa.Column("packages", sa.JSON, nullable=False),
    sa.Column("advisory_id", sa.String(128)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.String(200), nullable=False, comment="name of whoever decided"),
    sa.Column("at", Instant, nullable=False, index=True),
    sa.Column("before", sa.JSON, nullable=False, comment="of the case: what undoing restores"),
    sa.Column("undone_at", Instant),
)

triage_exception = sa.Table(
    "triage_exception",
    METADATA,
    sa.Column("kind", sa.String(8), primary_key=True, comment="id | package"),
    sa.Column("entry", sa.String(128), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("added_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

triage_damage = sa.Table(
    "triage_damage",
    METADATA,
    sa.Column("place", sa.String(500), primary_key=True, comment="file, and where in it"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sqlite_with_rowid=False,
)
