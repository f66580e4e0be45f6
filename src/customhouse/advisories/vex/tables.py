"""What projects of this index say of vulnerabilities in their own releases, most often in what these are built on."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

vex_statement = sa.Table(
    "vex_statement",
    METADATA,
    sa.Column("id", sa.String(26), primary_key=True, comment="random; part of the address of the statement"),
    sa.Column("project_id", sa.ForeignKey("project.id"), nullable=False),
    sa.Column("specifier", sa.String(2000), nullable=False, comment="of the project's releases (PEP 440); empty: all"),
    sa.Column("part", sa.String(100), nullable=False, comment="the package inside that it is about; empty: itself"),
    sa.Column("part_specifier", sa.String(2000), nullable=False),
    sa.Column("vulnerability", sa.String(128), nullable=False, index=True),
    sa.Column("status", sa.String(24), nullable=False, comment="as OpenVEX has them"),
    sa.Column("justification", sa.String(64), nullable=False),
    sa.Column("impact", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, comment="who said it last"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("expires", sa.Date, comment="the last day on which it counts; null: no end"),
    sa.Column("withdrawn_at", Instant),
    sa.Index(
        "vex_statement_one",
        "project_id",
        "vulnerability",
        "part",
        "specifier",
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    ),
    sqlite_with_rowid=False,
)
