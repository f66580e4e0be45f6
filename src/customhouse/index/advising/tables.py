"""Which hosted releases are affected by which advisories, kept up by a follower; and our own malware records."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

affected_release = sa.Table(
    "affected_release",
    METADATA,
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("version", sa.String(200), primary_key=True, comment="as release.version"),
    sa.Column("advisory_id", sa.ForeignKey("advisory.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

advisory_told = sa.Table(
    "advisory_told",
    METADATA,
    sa.Column("project_id", sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("name", sa.String(128), primary_key=True, comment="an id or alias of a vulnerability"),
    sa.Column("told_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

malware_record = sa.Table(
    "malware_record",
    METADATA,
    # One record for each verdict of malware, however often it is taken back and given again.
    sa.Column("case_id", sa.ForeignKey("report_case.id"), primary_key=True, autoincrement=False),
    sa.Column("advisory_id", sa.ForeignKey("advisory.id"), nullable=False, unique=True),
    sqlite_with_rowid=False,
)
