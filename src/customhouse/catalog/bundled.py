"""Keeping and reading which libraries files bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.bundled_tables import bundled_library, bundled_scan
from customhouse.catalog.tables import file, project, release
from customhouse.formats.bundled.model import TABLES_VERSION, BundledLibrary, BundledScan, Evidence

MOST_ROWS = 20_000
"""Rows of one library that a question looks at."""

_INSERT_SCAN = bundled_scan.insert()
_INSERT_LIBRARY = bundled_library.insert()
_LISTED = (
    file.c.deleted_at.is_(None), file.c.erased_at.is_(None), release.c.deleted_at.is_(None),
    release.c.quarantined_at.is_(None), project.c.deleted_at.is_(None),
)  # fmt: skip
_COLUMNS = (
    bundled_library.c.library, bundled_library.c.version, bundled_library.c.member, bundled_library.c.evidence,
    bundled_library.c.purl, bundled_library.c.cpe, file.c.id.label("file_id"), file.c.filename,
    release.c.version.label("release_version"), project.c.id.label("project_id"), project.c.normalized,
    project.c.display, project.c.visibility,
)  # fmt: skip
_JOINED = (
    sa.join(bundled_library, file, file.c.id == bundled_library.c.file_id)
    .join(release, release.c.id == file.c.release_id)
    .join(project, project.c.id == file.c.project_id)
)
# Made once: building a statement costs more than running it.
_OF_KEYS = (
    sa.select(*_COLUMNS)
    .select_from(_JOINED)
    .where(bundled_library.c.key.in_(sa.bindparam("keys", expanding=True)), *_LISTED)
    .order_by(project.c.normalized, file.c.uploaded_at.desc(), file.c.id.desc(), bundled_library.c.id)
    .limit(MOST_ROWS + 1)
)
_OF_RELEASE = (
    sa.select(*_COLUMNS)
    .select_from(_JOINED)
    .where(
        file.c.project_id == sa.bindparam("project"), release.c.version == sa.bindparam("version"),
        file.c.deleted_at.is_(None), file.c.erased_at.is_(None),
    )
    .order_by(bundled_library.c.key, file.c.filename, bundled_library.c.id)
    .limit(MOST_ROWS)
)  # fmt: skip
_LATE = (
    sa.select(file.c.id)
    .select_from(sa.outerjoin(file, bundled_scan, bundled_scan.c.file_id == file.c.id))
    .where(
        file.c.kind == "bdist_wheel", file.c.erased_at.is_(None),
        sa.or_(bundled_scan.c.file_id.is_(None), bundled_scan.c.tables_version < TABLES_VERSION),
    )
)  # fmt: skip
_TO_SCAN = sa.select(file.c.id, file.c.filename, file.c.digest).where(
    file.c.id.in_(_LATE.where(file.c.id > sa.bindparam("after")).order_by(file.c.id).limit(sa.bindparam("most")))
)


@dataclass(frozen=True, slots=True)
class Held:
    """A library in a file that is listed here."""

    project_id: int
    project: str
    """Normalised."""
    display: str
    public: bool
    version: str
    """Of the release."""
    file_id: int
    filename: str
    library: BundledLibrary


@dataclass(frozen=True, slots=True)
class Unscanned:
    """A wheel that nobody has looked into, or with older tables."""

    file_id: int
    filename: str
    digest: str


def keep_scan(sql: Connection, file_id: int, scan: BundledScan, now: datetime) -> None:
    """Write what a file bundles; what was known of it before is replaced."""
    sql.execute(
        _INSERT_SCAN,
        {"file_id": file_id, "tables_version": scan.tables_version, "scanned_at": now, "notes": list(scan.notes)},
    )
    if scan.libraries:
        sql.execute(_INSERT_LIBRARY, [_row(file_id, one) for one in scan.libraries])


def forget_scan(sql: Connection, file_id: int) -> None:
    """Forget what a file bundles."""
    sql.execute(bundled_library.delete().where(bundled_library.c.file_id == file_id))
    sql.execute(bundled_scan.delete().where(bundled_scan.c.file_id == file_id))


def holders_of(sql: Connection, libraries: Sequence[str]) -> list[Held]:
    """Every listed file that bundles one of these libraries, private ones too; newest first within a project."""
    keys = sorted({name.lower() for name in libraries})
    return [_held(row) for row in sql.execute(_OF_KEYS, {"keys": keys})] if keys else []


def bundled_by(sql: Connection, project_id: int, version: str) -> list[Held]:
    """What the files of one release bundle, by library."""
    return [_held(row) for row in sql.execute(_OF_RELEASE, {"project": project_id, "version": version})]


def known_libraries(sql: Connection, *, most: int = 200) -> list[tuple[str, int]]:
    """The libraries that listed, public files bundle, with the number of files; the most common first."""
    count = sa.func.count(sa.distinct(file.c.id))
    rows = sql.execute(
        sa.select(sa.func.min(bundled_library.c.library), count)
        .select_from(_JOINED)
        .where(*_LISTED, project.c.visibility == "public")
        .group_by(bundled_library.c.key)
        .order_by(count.desc(), bundled_library.c.key)
        .limit(most)
    )
    return [(name, files) for name, files in rows]


def count_unscanned(sql: Connection) -> int:
    """How many wheels wait to be looked into."""
    return sql.execute(sa.select(sa.func.count()).select_from(_LATE.subquery())).scalar_one()


def is_scanned(sql: Connection, file_id: int) -> bool:
    """Whether a file was looked into with the tables that we have."""
    found = sa.select(bundled_scan.c.tables_version).where(bundled_scan.c.file_id == file_id)
    return (sql.execute(found).scalar() or 0) >= TABLES_VERSION


def to_scan(sql: Connection, after: int, most: int) -> list[Unscanned]:
    """Some wheels that wait, by id, after one of them."""
    rows = sql.execute(_TO_SCAN.order_by(file.c.id), {"after": after, "most": most})
    return [Unscanned(row.id, row.filename, row.digest) for row in rows]


def _row(file_id: int, one: BundledLibrary) -> dict[str, object]:
    return {
        "file_id": file_id,
        "key": one.name.lower()[:200],
        "library": one.name[:200],
        "version": one.version,
        "member": one.file,
        "evidence": one.to_dict()["evidence"],
        "purl": one.purl,
        "cpe": one.cpe,
    }


def _held(row: Any) -> Held:
    evidence = tuple(Evidence(*each) for each in row.evidence)
    library = BundledLibrary(row.library, row.version, row.member, evidence, row.purl, row.cpe)
    return Held(
        row.project_id, row.normalized, row.display, row.visibility == "public", row.release_version, row.file_id,
        row.filename, library,
    )  # fmt: skip
