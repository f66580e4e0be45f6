"""Advisories: OSV records, what they affect, KEV and EPSS."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _advisories()
    _sources()
    _exploitation()
    _hosted()


def _advisories() -> None:
    """The records, and by what they are found."""
    op.create_table(
        "advisory",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False, comment="as the record says"),
        sa.Column("published", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn", sa.BigInteger(), nullable=True, comment="since when it counts no more"),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("level", sa.Integer(), nullable=False, comment="formats.osv.severity.Level of this record alone"),
        sa.Column("base_score", sa.Float(), nullable=True, comment="CVSS; null: nobody has scored it"),
        sa.Column("source", sa.String(length=60), nullable=False, comment="advisory_source.name; here: our own"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the document"),
        sa.Column("document", sa.Text(), nullable=False, comment="the record as JSON, as we hand it on"),
        sa.Column("changed_serial", sa.BigInteger(), nullable=False, comment="the ledger's when it was written"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("advisory_modified", "advisory", ["modified", "id"])
    op.create_index("ix_advisory_changed_serial", "advisory", ["changed_serial"])
    op.create_index("ix_advisory_source", "advisory", ["source"])
    op.create_table(
        "advisory_package",
        sa.Column("advisory_id", sa.String(length=128), nullable=False),
        sa.Column(
            "ecosystem", sa.String(length=100), nullable=False, comment="PyPI; GIT: name is a repository's address"
        ),
        sa.Column("name", sa.String(length=500), nullable=False, comment="normalised if the ecosystem is PyPI"),
        sa.ForeignKeyConstraint(["advisory_id"], ["advisory.id"]),
        sa.PrimaryKeyConstraint("advisory_id", "ecosystem", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index("advisory_package_name", "advisory_package", ["name", "ecosystem"])
    op.create_table(
        "advisory_alias",
        sa.Column("advisory_id", sa.String(length=128), nullable=False),
        sa.Column("alias", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["advisory_id"], ["advisory.id"]),
        sa.PrimaryKeyConstraint("advisory_id", "alias"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_advisory_alias_alias", "advisory_alias", ["alias"])


def _sources() -> None:
    """Where records come from, and what could not be read there."""
    op.create_table(
        "advisory_source",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="zip | folder | git | url | file"),
        sa.Column("place", sa.Text(), nullable=False, comment="a path, or an address"),
        sa.Column(
            "trust", sa.Integer(), nullable=False, comment="a record of a lower one never replaces one of a higher"
        ),
        sa.Column(
            "ecosystems", sa.Text(), server_default="", nullable=False, comment="with blanks between; empty: all"
        ),
        sa.Column(
            "origin", sa.String(length=16), nullable=False, comment="settings | operator: asked hourly | import: once"
        ),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "last_modified", sa.Text(), server_default="", nullable=False, comment="the header, or a mark of ours"
        ),
        sa.Column(
            "revision", sa.String(length=64), server_default="", nullable=False, comment="of git: the commit read last"
        ),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True, comment="when it was last read to its end"),
        sa.Column("error", sa.Text(), server_default="", nullable=False, comment="why the last try did not end well"),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "advisory_problem",
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("place", sa.String(length=500), nullable=False, comment="the file inside the source"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["advisory_source.name"]),
        sa.PrimaryKeyConstraint("source", "place"),
        sqlite_with_rowid=False,
    )


def _exploitation() -> None:
    """What CISA (KEV) and FIRST (EPSS) say."""
    op.create_table(
        "exploited",
        sa.Column("cve", sa.String(length=32), nullable=False),
        sa.Column("added", sa.Date(), nullable=False, comment="to CISA's catalogue (KEV)"),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("vendor", sa.Text(), server_default="", nullable=False),
        sa.Column("product", sa.Text(), server_default="", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("ransomware", sa.Boolean(), nullable=False, comment="known to be used in ransomware campaigns"),
        sa.PrimaryKeyConstraint("cve"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "likelihood",
        sa.Column("cve", sa.String(length=32), nullable=False),
        sa.Column("score", sa.Float(), nullable=False, comment="EPSS: of exploitation within 30 days, 0 to 1"),
        sa.Column("percentile", sa.Float(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="of the scores"),
        sa.PrimaryKeyConstraint("cve"),
        sqlite_with_rowid=False,
    )


def _hosted() -> None:
    """What is affected here, and what our own verdicts say."""
    op.create_table(
        "affected_release",
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False, comment="as release.version"),
        sa.Column("advisory_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["advisory_id"], ["advisory.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("project_id", "version", "advisory_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_affected_release_advisory_id", "affected_release", ["advisory_id"])
    op.create_table(
        "malware_record",
        sa.Column("case_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("advisory_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["advisory_id"], ["advisory.id"]),
        sa.ForeignKeyConstraint(["case_id"], ["report_case.id"]),
        sa.PrimaryKeyConstraint("case_id"),
        sa.UniqueConstraint("advisory_id"),
        sqlite_with_rowid=False,
    )
