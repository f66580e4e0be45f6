"""How often files were taken. Days are UTC and begin at ``since``, that day included.

A download can be told of twice: by us, and by the log of the front end that passed it on. So of a file's day the larger
of the two sums is the answer, never both together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.downloads.tables import download, download_source
from customhouse.catalog.tables import file, release


class Sums(NamedTuple):
    """Every download, and those that count: one client network once per file and day."""

    raw: int
    counted: int


class DaySums(NamedTuple):
    """The downloads of a day."""

    day: date
    raw: int
    counted: int


class VersionSums(NamedTuple):
    """The downloads of a version."""

    version: str
    raw: int
    counted: int


class FileSums(NamedTuple):
    """The downloads of a file."""

    filename: str
    version: str
    raw: int
    counted: int


MOST_IDS = 5_000
"""Values that one statement is given."""


def _best(*wanted: sa.ColumnElement[bool]) -> sa.Subquery:
    """The larger sums of each file's day."""
    return (
        sa.select(
            download.c.file_id,
            download.c.day,
            sa.func.max(download.c.raw).label("raw"),
            sa.func.max(download.c.counted).label("counted"),
        )
        .join(file, file.c.id == download.c.file_id)
        .where(download.c.day >= sa.bindparam("since", type_=sa.Date), *wanted)
        .group_by(download.c.file_id, download.c.day)
        .subquery("best")
    )


_MINE = file.c.project_id == sa.bindparam("project")
_OF_PROJECT = _best(_MINE)
_OF_DAY = _best(_MINE, download.c.day <= sa.bindparam("until", type_=sa.Date))
_LISTED = (
    file.c.deleted_at.is_(None),
    file.c.erased_at.is_(None),
    release.c.deleted_at.is_(None),
    release.c.quarantined_at.is_(None),
)


def _summed(best: sa.Subquery) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    # PostgreSQL sums BIGINT into NUMERIC.
    return (
        sa.cast(sa.func.coalesce(sa.func.sum(best.c.raw), 0), sa.BigInteger).label("raw"),
        sa.cast(sa.func.coalesce(sa.func.sum(best.c.counted), 0), sa.BigInteger).label("counted"),
    )


def _with_files(best: sa.Subquery) -> sa.Join:
    return sa.join(best, file, file.c.id == best.c.file_id).join(release, release.c.id == file.c.release_id)


_TOTAL = sa.select(*_summed(_OF_PROJECT))
_BY_DAY = sa.select(_OF_PROJECT.c.day, *_summed(_OF_PROJECT)).group_by(_OF_PROJECT.c.day).order_by(_OF_PROJECT.c.day)
_BY_VERSION = (
    sa.select(release.c.version, *_summed(_OF_PROJECT))
    .select_from(_with_files(_OF_PROJECT))
    .where(*_LISTED)
    .group_by(release.c.id, release.c.version)
    .order_by(release.c.id)
)
_BY_FILE = (
    sa.select(file.c.filename, release.c.version, *_summed(_OF_PROJECT))
    .select_from(_with_files(_OF_PROJECT))
    .where(*_LISTED)
    .group_by(file.c.id, file.c.filename, release.c.version)
    .order_by(file.c.id)
)
_FILES_OF_DAY = (
    sa.select(file.c.filename, release.c.version, _OF_DAY.c.raw, _OF_DAY.c.counted)
    .select_from(_with_files(_OF_DAY))
    .where(*_LISTED)
    .order_by(file.c.id)
)


def first_day(now: datetime, days: int) -> date:
    """The first of the last so many days, today included."""
    return now.date() - timedelta(days=days - 1)


def downloads_of(sql: Connection, project_id: int, since: date) -> Sums:
    """All downloads of a project, of files that are deleted by now too."""
    return Sums(*sql.execute(_TOTAL, {"project": project_id, "since": since}).one())


def by_day(sql: Connection, project_id: int, since: date) -> list[DaySums]:
    """The same by day, oldest first; days without downloads are left out."""
    return [DaySums(*row) for row in sql.execute(_BY_DAY, {"project": project_id, "since": since})]


def by_version(sql: Connection, project_id: int, since: date) -> list[VersionSums]:
    """Downloads of each version that is listed, in the order in which they appeared."""
    return [VersionSums(*row) for row in sql.execute(_BY_VERSION, {"project": project_id, "since": since})]


def by_file(sql: Connection, project_id: int, since: date) -> list[FileSums]:
    """Downloads of each file that is listed, oldest file first."""
    return [FileSums(*row) for row in sql.execute(_BY_FILE, {"project": project_id, "since": since})]


def files_of_day(sql: Connection, project_id: int, day: date) -> list[FileSums]:
    """Downloads of each listed file on one day."""
    return [FileSums(*row) for row in sql.execute(_FILES_OF_DAY, {"project": project_id, "since": day, "until": day})]


def counted_since(
    sql: Connection,
    *,
    since: date,
    file_ids: Sequence[int] | None = None,
    release_id: int | None = None,
    project_id: int | None = None,
) -> int:
    """The counted downloads of some files, of a release or of a project: what "little used" is measured by."""
    wanted: list[sa.ColumnElement[bool]] = []
    if file_ids is not None:
        wanted.append(file.c.id.in_(file_ids))
    if release_id is not None:
        wanted.append(file.c.release_id == release_id)
    if project_id is not None:
        wanted.append(file.c.project_id == project_id)
    if not wanted:
        raise ValueError("say which files, which release or which project")
    counted = sa.select(_summed(_best(*wanted))[1])
    return int(sql.execute(counted, {"since": since}).scalar_one())


def counted_of_files(sql: Connection, file_ids: Sequence[int], since: date) -> dict[int, int]:
    """The counted downloads of each of these files; of those without any there is none."""
    best = _best(file.c.id.in_(sa.bindparam("ids", expanding=True)))
    summed = sa.select(best.c.file_id, _summed(best)[1]).group_by(best.c.file_id)
    found: dict[int, int] = {}
    for start in range(0, len(file_ids), MOST_IDS):
        rows = sql.execute(summed, {"ids": list(file_ids[start : start + MOST_IDS]), "since": since})
        found |= {row.file_id: int(row.counted) for row in rows}
    return found


def is_any_log_imported(sql: Connection) -> bool:
    """Whether a front end's log was ever imported; without one, we know only what reached us."""
    row = sql.execute(sa.select(download_source.c.id).where(download_source.c.counted_by == "log").limit(1)).first()
    return row is not None
