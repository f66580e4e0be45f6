"""Folding counts into the database: batch by batch, each under its source and offset, so that twice is harmless."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.downloads.tables import CountedBy, download, download_seen, download_source, fetched
from customhouse.catalog.tables import file
from customhouse.formats.count_line import Noted
from customhouse.infra.db import Database, insert_new

LONGEST_SECONDS = 0.016
SHORTEST_SECONDS = 0.008
FEWEST, MOST = 20, 2000

_POSITION = sa.select(download_source.c.position).where(download_source.c.id == sa.bindparam("source"))
_POSITION_LOCKED = _POSITION.with_for_update()
_MOVE = (
    download_source.update()
    .where(download_source.c.id == sa.bindparam("source"))
    .values(position=sa.bindparam("end"), moved_at=sa.bindparam("now"))
)
_FILE_IDS = sa.select(file.c.filename, file.c.id).where(file.c.filename.in_(sa.bindparam("names", expanding=True)))


@dataclass(frozen=True, slots=True)
class Source:
    """Where counts come from: a spool file by its name, or a log by the digest of its content."""

    id: str
    counted_by: CountedBy
    size_bytes: int | None = None


class Pace:
    """How many lines go into one transaction, so that it holds the writers up for less than 20 ms."""

    def __init__(self) -> None:
        self.lines = 200

    def took(self, lines: int, seconds: float) -> None:
        """Learn from a batch."""
        if seconds > LONGEST_SECONDS:
            self.lines = max(self.lines // 2, FEWEST)
        elif seconds < SHORTEST_SECONDS and lines >= self.lines:
            self.lines = min(self.lines * 2, MOST)


def first_kept(now: datetime, fetched_days: int) -> date | None:
    """The first day of which it is kept who fetched what; None if that is not kept."""
    return now.date() - timedelta(days=fetched_days - 1) if fetched_days else None


def position_of(sql: Connection, source_id: str) -> int:
    """Up to where a source is folded in; 0 if nothing is known of it."""
    return sql.execute(_POSITION, {"source": source_id}).scalar() or 0


def fold(
    database: Database, source: Source, noted: Sequence[Noted], *, start: int, end: int, now: datetime, pace: Pace,
    keep_since: date | None = None,
) -> int | None:  # fmt: skip
    """Add what lies between two offsets of a source, in one transaction.

    Files that we do not know are left out. ``keep_since`` is the first day of which it is kept who fetched what, None
    if that is not kept at all. Returns how many downloads were added, or None, and changes nothing, if somebody else
    has folded from this offset already.
    """
    with database.read() as sql:
        names = sorted({one.filename for one in noted})
        ids = {row.filename: row.id for row in sql.execute(_FILE_IDS, {"names": names})} if names else {}
    known = [(one, ids[one.filename]) for one in noted if one.filename in ids]
    began = time.perf_counter()
    with database.write() as sql:
        insert_new(
            sql, download_source, id=source.id, counted_by=source.counted_by, size_bytes=source.size_bytes,
            position=start, moved_at=now,
        )  # fmt: skip
        if sql.execute(_POSITION_LOCKED, {"source": source.id}).scalar_one() != start:
            return None
        if known:
            _add(sql, source.counted_by, known, now.date())
            if keep_since is not None:
                _keep(sql, known, keep_since)
        sql.execute(_MOVE, {"source": source.id, "end": end, "now": now})
    pace.took(len(noted), time.perf_counter() - began)
    return sum(one.times for one, _ in known)


def _add(sql: Connection, counted_by: CountedBy, known: Sequence[tuple[Noted, int]], today: date) -> None:
    """Raise the sums; a client network that was seen with a file on that day already does not count again.

    Keys are sorted, so that two who do this at once wait for each other instead of locking each other out.
    """
    raw: Counter[tuple[date, int]] = Counter()
    for one, file_id in known:
        raw[one.day, file_id] += one.times
    clients = sorted({(one.day, file_id, one.client) for one, file_id in known})
    seen = [
        {"day": day, "file_id": file_id, "counted_by": counted_by, "client": client, "noted_on": today}
        for day, file_id, client in clients
    ]
    counted = Counter((row.day, row.file_id) for row in sql.execute(_insert_seen(sql.dialect.name), seen))
    sums = [
        {"day": day, "file_id": file_id, "counted_by": counted_by, "raw": times, "counted": counted[day, file_id]}
        for (day, file_id), times in sorted(raw.items())
    ]
    sql.execute(_raise_sums(sql.dialect.name), sums)


def _keep(sql: Connection, known: Sequence[tuple[Noted, int]], since: date) -> None:
    """Note who fetched what, for those who may have to be told."""
    times: Counter[tuple[int, date, bytes, str]] = Counter()
    for one, file_id in known:
        if one.day >= since:
            times[file_id, one.day, one.client, one.who] += one.times
    rows = [
        {"file_id": file_id, "day": day, "client": client, "who": who, "times": number}
        for (file_id, day, client, who), number in sorted(times.items())
    ]
    if rows:
        sql.execute(_raise_fetched(sql.dialect.name), rows)


@cache
def _raise_fetched(dialect: str) -> Any:
    statement = _insert(fetched, dialect)
    return statement.on_conflict_do_update(
        index_elements=[*fetched.primary_key.columns], set_={"times": fetched.c.times + statement.excluded.times}
    )


@cache
def _insert_seen(dialect: str) -> Any:
    statement = _insert(download_seen, dialect).on_conflict_do_nothing()
    return statement.returning(download_seen.c.day, download_seen.c.file_id)


@cache
def _raise_sums(dialect: str) -> Any:
    statement = _insert(download, dialect)
    return statement.on_conflict_do_update(
        index_elements=[*download.primary_key.columns],
        set_={
            "raw": download.c.raw + statement.excluded.raw,
            "counted": download.c.counted + statement.excluded.counted,
        },
    )


def _insert(table: sa.Table, dialect: str) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT; the other dialect is not loaded."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - see above
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # noqa: PLC0415 - see above
    return insert(table)
