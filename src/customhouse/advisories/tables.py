"""Advisories as OSV records, what they affect, where they come from, and what is known of exploitation.

Everything in these tables is public. What is under embargo lies elsewhere until the moment it is published.
"""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, Instant

advisory = sa.Table(
    "advisory",
    METADATA,
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("modified", Instant, nullable=False, comment="as the record says"),
    sa.Column("published", Instant),
    sa.Column("withdrawn", Instant, comment="since when it counts no more"),
    sa.Column("summary", sa.Text, nullable=False, server_default=""),
    sa.Column("level", sa.Integer, nullable=False, comment="formats.osv.severity.Level of this record alone"),
    sa.Column("base_score", sa.Float, comment="CVSS; null: nobody has scored it"),
    sa.Column("source", sa.String(60), nullable=False, index=True, comment="advisory_source.name; here: our own"),
    sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the document"),
    sa.Column("document", sa.Text, nullable=False, comment="the record as JSON, as we hand it on"),
    sa.Column("changed_serial", sa.BigInteger, nullable=False, index=True, comment="the ledger's when it was written"),
    sa.Index("advisory_modified", "modified", "id"),
)

advisory_package = sa.Table(
    "advisory_package",
    METADATA,
    sa.Column("advisory_id", sa.ForeignKey("advisory.id"), primary_key=True),
    sa.Column("ecosystem", sa.String(100), primary_key=True, comment="PyPI; GIT: name is a repository's address"),
    sa.Column("name", sa.String(500), primary_key=True, comment="normalised if the ecosystem is PyPI"),
    sa.Index("advisory_package_name", "name", "ecosystem"),
    sqlite_with_rowid=False,
)

advisory_alias = sa.Table(
    "advisory_alias",
    METADATA,
    sa.Column("advisory_id", sa.ForeignKey("advisory.id"), primary_key=True),
    sa.Column("alias", sa.String(128), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

advisory_source = sa.Table(
    "advisory_source",
    METADATA,
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False, comment="zip | folder | git | url | file"),
    sa.Column("place", sa.Text, nullable=False, comment="a path, or an address"),
    sa.Column("trust", sa.Integer, nullable=False, comment="a record of a lower one never replaces one of a higher"),
    sa.Column("ecosystems", sa.Text, nullable=False, server_default="", comment="with blanks between; empty: all"),
    sa.Column("origin", sa.String(16), nullable=False, comment="settings | operator: asked hourly | import: once"),
    sa.Column("added_at", Instant, nullable=False),
    sa.Column("etag", sa.Text, nullable=False, server_default=""),
    sa.Column("last_modified", sa.Text, nullable=False, server_default="", comment="the header, or a mark of ours"),
    sa.Column("revision", sa.String(64), nullable=False, server_default="", comment="of git: the commit read last"),
    sa.Column("tried_at", Instant),
    sa.Column("succeeded_at", Instant, comment="when it was last read to its end"),
    sa.Column("error", sa.Text, nullable=False, server_default="", comment="why the last try did not end well"),
    sqlite_with_rowid=False,
)

advisory_problem = sa.Table(
    "advisory_problem",
    METADATA,
    # A damaged record stays on the list until its place is read well, or is gone.
    sa.Column("source", sa.ForeignKey("advisory_source.name"), primary_key=True),
    sa.Column("place", sa.String(500), primary_key=True, comment="the file inside the source"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sqlite_with_rowid=False,
)

exploited = sa.Table(
    "exploited",
    METADATA,
    sa.Column("cve", sa.String(32), primary_key=True),
    sa.Column("added", sa.Date, nullable=False, comment="to CISA's catalogue (KEV)"),
    sa.Column("due", sa.Date),
    sa.Column("vendor", sa.Text, nullable=False, server_default=""),
    sa.Column("product", sa.Text, nullable=False, server_default=""),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
    sa.Column("ransomware", sa.Boolean, nullable=False, comment="known to be used in ransomware campaigns"),
    sqlite_with_rowid=False,
)

likelihood = sa.Table(
    "likelihood",
    METADATA,
    sa.Column("cve", sa.String(32), primary_key=True),
    sa.Column("score", sa.Float, nullable=False, comment="EPSS: of exploitation within 30 days, 0 to 1"),
    sa.Column("percentile", sa.Float, nullable=False),
    sa.Column("day", sa.Date, nullable=False, comment="of the scores"),
    sqlite_with_rowid=False,
)
