"""The worker's round over the spool files: fold what is new, remove what is finished, forget who was seen."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from customhouse.catalog.downloads.fold import Pace, Source, first_kept, fold, position_of
from customhouse.catalog.downloads.tables import download_seen, download_source, fetched
from customhouse.formats.count_line import decode_count
from customhouse.infra.count_spool import ENDING
from customhouse.infra.db import Database
from customhouse.infra.spool_file import SpoolReader, fold_each

SEEN_DAYS = 2
POSITION_DAYS = 90
RUN_SECONDS = 5.0
"""After this the worker has other things to do; the rest waits for the next round."""
_SWEEP_ROWS = 500

_OLD_SEEN = sa.select(download_seen.c.noted_on).where(download_seen.c.noted_on <= sa.bindparam("last")).limit(1)
_SWEEP_SEEN = download_seen.delete().where(
    sa.tuple_(*download_seen.primary_key.columns).in_(
        sa.select(*download_seen.primary_key.columns)
        .where(download_seen.c.noted_on <= sa.bindparam("last"))
        .limit(_SWEEP_ROWS)
    )
)
_OLD_FETCHED = sa.select(fetched.c.day).where(fetched.c.day < sa.bindparam("before")).limit(1)
_SWEEP_FETCHED = fetched.delete().where(
    sa.tuple_(*fetched.primary_key.columns).in_(
        sa.select(*fetched.primary_key.columns).where(fetched.c.day < sa.bindparam("before")).limit(_SWEEP_ROWS)
    )
)
_OLD_POSITIONS = sa.select(download_source.c.id).where(
    download_source.c.counted_by == "served", download_source.c.moved_at < sa.bindparam("before")
)
_FORGET = download_source.delete().where(download_source.c.id == sa.bindparam("source"))


def fold_spools(database: Database, folder: Path, now: datetime, fetched_days: int = 0) -> int:
    """Fold the spool files of a folder and sweep; returns how many downloads were added.

    Running it again, or in two processes at once, adds nothing twice: each batch is written together with the offset
    that it reaches, and only by whoever finds the offset where the batch begins. For ``fetched_days`` it is kept who
    fetched what.
    """
    deadline = time.monotonic() + RUN_SECONDS
    pace = Pace()
    since = first_kept(now, fetched_days)
    added = fold_each(folder, ENDING, deadline, lambda spool: _fold_spool(database, spool, now, pace, deadline, since))
    _sweep_seen(database, now.date() - timedelta(days=SEEN_DAYS), deadline)
    _sweep_fetched(database, since or now.date() + timedelta(days=1), deadline)
    _sweep_positions(database, folder, now - timedelta(days=POSITION_DAYS))
    return added


def _fold_spool(
    database: Database, spool: SpoolReader, now: datetime, pace: Pace, deadline: float, since: date | None
) -> int:
    source = Source(spool.id, "served")
    with database.read() as sql:
        position = position_of(sql, spool.id)
    added = 0
    while time.monotonic() < deadline:
        lines = spool.lines(position, decode_count, pace.lines)
        if lines.end == position:
            if spool.finished:
                _remove(database, spool, position)
            break
        folded = fold(
            database, source, lines.noted, start=position, end=lines.end, now=now, pace=pace, keep_since=since
        )
        if folded is None:
            break  # another worker is at it
        added += folded
        position = lines.end
    return added


def _remove(database: Database, spool: SpoolReader, position: int) -> None:
    """Remove a file that is folded whole. If we die before its row goes, `_sweep_positions` finds the row."""
    spool.remove(position)
    with database.write() as sql:
        sql.execute(_FORGET, {"source": spool.id})


def _sweep_seen(database: Database, last: date, deadline: float) -> None:
    """Forget which networks took what, up to that day."""
    while time.monotonic() < deadline:
        with database.read() as sql:
            if sql.execute(_OLD_SEEN, {"last": last}).first() is None:
                return
        with database.write() as sql:
            sql.execute(_SWEEP_SEEN, {"last": last})


def _sweep_fetched(database: Database, before: date, deadline: float) -> None:
    """Forget who fetched what before that day."""
    while time.monotonic() < deadline:
        with database.read() as sql:
            if sql.execute(_OLD_FETCHED, {"before": before}).first() is None:
                return
        with database.write() as sql:
            sql.execute(_SWEEP_FETCHED, {"before": before})


def _sweep_positions(database: Database, folder: Path, before: datetime) -> None:
    """Forget the offsets of files that are gone; of a file that is here, never, or it would be folded again."""
    with database.read() as sql:
        old = [row.id for row in sql.execute(_OLD_POSITIONS, {"before": before}) if not (folder / row.id).exists()]
    for source in old:
        with database.write() as sql:
            sql.execute(_FORGET, {"source": source})
