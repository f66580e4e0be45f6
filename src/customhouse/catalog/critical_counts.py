"""Counting for the critical projects: distinct client networks by project and day, and the ranks that follow (A59).

The download counts take a network once per file and day, so whoever has many files could count a network many times a
day. Here it counts once per project and day. Who was seen is forgotten after two days, so the numbers of each day are
written down before; of days from before that, the most downloaded file of the day stands for the project, which never
counts a network twice.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.critical import WINDOW_DAYS, Count, CurvePoint, Mark, Ranked
from customhouse.catalog.critical_tables import critical_count, project_networks
from customhouse.catalog.downloads.queries import first_day
from customhouse.catalog.downloads.tables import download, download_seen
from customhouse.catalog.tables import critical_mark, file, project
from customhouse.infra.db import Database, put_rows

BATCH = 500
_PUBLIC = sa.and_(project.c.visibility == "public", project.c.deleted_at.is_(None))

_BY_SOURCE = (
    sa.select(
        file.c.project_id,
        download_seen.c.day,
        sa.func.count(sa.distinct(download_seen.c.client)).label("networks"),
    )
    .join(file, file.c.id == download_seen.c.file_id)
    .group_by(file.c.project_id, download_seen.c.day, download_seen.c.counted_by)
    .subquery("by_source")
)
# A download can be told of twice, by us and by a front end's log: the larger number is the answer, as everywhere.
_SEEN = sa.select(
    _BY_SOURCE.c.project_id, _BY_SOURCE.c.day, sa.func.max(_BY_SOURCE.c.networks).label("networks")
).group_by(_BY_SOURCE.c.project_id, _BY_SOURCE.c.day)
_KNOWN = sa.select(project_networks.c.project_id, project_networks.c.day, project_networks.c.networks).where(
    project_networks.c.day >= sa.bindparam("since", type_=sa.Date)
)

_OF_FILES = (
    sa.select(file.c.project_id, download.c.day, sa.func.max(download.c.counted).label("counted"))
    .join(file, file.c.id == download.c.file_id)
    .where(download.c.day >= sa.bindparam("since", type_=sa.Date))
    .group_by(file.c.project_id, download.c.day)
    .subquery("of_files")
)
_LARGER = sa.case(
    (project_networks.c.networks > _OF_FILES.c.counted, project_networks.c.networks), else_=_OF_FILES.c.counted
)
_SUMS = (
    sa.select(
        _OF_FILES.c.project_id,
        # PostgreSQL sums BIGINT into NUMERIC.
        sa.cast(sa.func.sum(_LARGER), sa.BigInteger).label("downloads"),
    )
    .outerjoin(
        project_networks,
        sa.and_(project_networks.c.project_id == _OF_FILES.c.project_id, project_networks.c.day == _OF_FILES.c.day),
    )
    .group_by(_OF_FILES.c.project_id)
    .subquery("sums")
)
_RANKED = (
    sa.select(project.c.normalized, _SUMS.c.downloads)
    .join(_SUMS, _SUMS.c.project_id == project.c.id)
    .where(_PUBLIC, _SUMS.c.downloads > 0)
    .order_by(_SUMS.c.downloads.desc(), project.c.normalized)
)
_FIRST = sa.select(sa.func.min(download.c.day)).where(download.c.day >= sa.bindparam("since", type_=sa.Date))
_HOW_MANY = sa.select(sa.func.count()).select_from(project).where(_PUBLIC)
_MARK = sa.select(
    critical_mark.c.normalized, critical_mark.c.reason, critical_mark.c.source, critical_mark.c.marked_at,
    critical_mark.c.rank, critical_mark.c.downloads,
)  # fmt: skip
_MARKS = (
    _MARK.add_columns(project.c.display)
    .join(project, project.c.normalized == critical_mark.c.normalized)
    .where(_PUBLIC)
    .order_by(critical_mark.c.rank.is_(None), critical_mark.c.rank, critical_mark.c.normalized)
)


def window(now: datetime) -> date:
    """The first day that counts."""
    return first_day(now, WINDOW_DAYS)


def keep_networks(database: Database, now: datetime) -> int:
    """Write down how many networks took a project's files on each day that is still remembered.

    Returns how many numbers are new. A number only grows: of a day whose networks are half forgotten, what was written
    before is the better one. Running it again writes nothing.
    """
    _forget(database, window(now) - timedelta(days=1))
    with database.read(snapshot=True) as sql:
        seen = {(row.project_id, row.day): int(row.networks) for row in sql.execute(_SEEN)}
        if not seen:
            return 0
        since = min(day for _, day in seen)
        known = {(row.project_id, row.day): int(row.networks) for row in sql.execute(_KNOWN, {"since": since})}
    new = [
        {"project_id": project_id, "day": day, "networks": networks}
        for (project_id, day), networks in sorted(seen.items())
        if networks > known.get((project_id, day), 0)
    ]
    for start in range(0, len(new), BATCH):
        with database.write() as sql:
            put_rows(sql, project_networks, new[start : start + BATCH])
    return len(new)


def _forget(database: Database, before: date) -> None:
    with database.write() as sql:
        sql.execute(project_networks.delete().where(project_networks.c.day < before))


def ranked(sql: Connection, since: date) -> list[Ranked]:
    """Public projects that were downloaded, the most downloaded first; of equals, the first by name.

    Private projects have no rank: a gap in the public table would tell that there is one.
    """
    rows = sql.execute(_RANKED, {"since": since})
    return [Ranked(row.normalized, number, int(row.downloads)) for number, row in enumerate(rows, 1)]


def first_counted(sql: Connection, since: date) -> date | None:
    """The first day of the window for which there are counts."""
    return sql.execute(_FIRST, {"since": since}).scalar()


def how_many(sql: Connection) -> int:
    """The number of public projects."""
    return int(sql.execute(_HOW_MANY).scalar_one())


def mark_of(sql: Connection, normalized: str) -> Mark | None:
    """The mark of a name, or None."""
    row = sql.execute(_MARK.where(critical_mark.c.normalized == normalized)).one_or_none()
    return Mark(*row) if row is not None else None


def public_marks(sql: Connection) -> list[Mark]:
    """The marks of public projects by rank; what has no rank comes last."""
    return [Mark(*row) for row in sql.execute(_MARKS)]


def latest_count(sql: Connection) -> Count | None:
    """The newest picture, or None if nothing was counted yet."""
    row = sql.execute(sa.select(critical_count).order_by(critical_count.c.day.desc()).limit(1)).one_or_none()
    return _count(row) if row is not None else None


def _count(row: Any) -> Count:
    total = row.downloads
    points = tuple(CurvePoint(number, taken, taken / total if total else 0.0) for number, taken in row.curve)
    return Count(
        row.day, row.since, row.rule, row.projects, total, row.marked, row.marked_downloads, points
    )  # fmt: skip
