"""One row a day, and which critical projects depend on one person."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

trust_snapshot = sa.Table(
    "trust_snapshot",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True, comment="UTC"),
    sa.Column("taken_at", Instant, nullable=False),
    sa.Column("accounts", sa.Integer, nullable=False, comment="not frozen"),
    sa.Column("webauthn_only", sa.Integer, nullable=False),
    sa.Column("totp_only", sa.Integer, nullable=False),
    sa.Column("both_methods", sa.Integer, nullable=False),
    sa.Column("critical_projects", sa.Integer, nullable=False, comment="public and not deleted"),
    sa.Column("critical_people", sa.Integer, nullable=False, comment="who own or maintain one"),
    sa.Column("critical_protected", sa.Integer, nullable=False, comment="of them, with a second factor"),
    sa.Column(
        "projects_by_people",
        sa.JSON,
        nullable=False,
        comment="how many critical projects have so many people: {people: projects}",
    ),
    sa.Column("keys_given", sa.Integer, nullable=False),
    sa.Column("recoveries", sa.Integer, nullable=False, comment="finished cases"),
    sa.Column("recovery_median_seconds", sa.BigInteger),
    sa.Column("recovery_ninety_seconds", sa.BigInteger, comment="nine of ten were quicker"),
    sqlite_with_rowid=False,
)

trust_single = sa.Table(
    "trust_single",
    METADATA,
    # By id and not by name: a project that has become private since must not be named.
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sqlite_with_rowid=False,
)
