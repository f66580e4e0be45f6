"""The worker's round over the decision spools: fold what is new exactly once, forget what is older than is kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from customhouse.formats.decision_line import Noted, decode_decision
from customhouse.infra.db import Database, insert_new
from customhouse.infra.decision_spool import ENDING
from customhouse.infra.spool_file import SpoolReader, fold_each
from customhouse.views.log.tables import view_decision, view_decision_source
from customhouse.views.tables import view

RUN_SECONDS = 5.0
MOST_LINES = 500
"""In one transaction, so that it holds up no writer for long."""
POSITION_DAYS = 90
_SWEEP_ROWS = 500

_VIEWS = sa.select(view.c.name, view.c.created_at)
_POSITION = sa.select(view_decision_source.c.position).where(view_decision_source.c.id == sa.bindparam("source"))
_MOVE = (
    view_decision_source.update()
    .where(view_decision_source.c.id == sa.bindparam("source"))
    .values(position=sa.bindparam("end"), moved_at=sa.bindparam("now"))
)
_FORGET = view_decision_source.delete().where(view_decision_source.c.id == sa.bindparam("source"))
_OLD = sa.select(view_decision.c.day).where(view_decision.c.day < sa.bindparam("before")).limit(1)
_SWEEP = view_decision.delete().where(
    sa.tuple_(*view_decision.primary_key.columns).in_(
        sa.select(*view_decision.primary_key.columns)
        .where(view_decision.c.day < sa.bindparam("before"))
        .limit(_SWEEP_ROWS)
    )
)


def fold_decisions(database: Database, folder: Path, now: datetime, days: int) -> int:
    """Fold the spool files of a folder; returns how many requests were added. ``days`` as of ``decisions_days``.

    Running it again, or in two processes at once, adds nothing twice: each batch is written together with the offset
    that it reaches, and only by whoever finds the offset where the batch begins.
    """
    deadline = time.monotonic() + RUN_SECONDS
    since = first_kept(now, days)
    added = fold_each(folder, ENDING, deadline, lambda spool: _fold_spool(database, spool, now, deadline, since))
    _sweep(database, since, deadline)
    _sweep_positions(database, folder, now - timedelta(days=POSITION_DAYS))
    return added


def first_kept(now: datetime, days: int) -> date:
    """The first day of which decisions are kept; a day that is still to come if none are."""
    return now.date() - timedelta(days=days - 1)


def _fold_spool(database: Database, spool: SpoolReader, now: datetime, deadline: float, since: date) -> int:
    with database.read() as sql:
        position = sql.execute(_POSITION, {"source": spool.id}).scalar() or 0
    added = 0
    while time.monotonic() < deadline:
        lines = spool.lines(position, decode_decision, MOST_LINES)
        if lines.end == position:
            if spool.finished:
                _remove(database, spool, position)
            break
        with database.read() as sql:
            views = {row.name: row.created_at.date() for row in sql.execute(_VIEWS)}
        # Nothing of a view that has ended, nor of an earlier one of the same name.
        kept = [one for one in lines.noted if one.day >= max(since, views.get(one.asked.view, date.max))]
        if not _add(database, spool.id, kept, position, lines.end, now):
            break  # another worker is at it
        added += sum(one.times for one in kept)
        position = lines.end
    return added


def _add(database: Database, source: str, noted: Sequence[Noted], start: int, end: int, now: datetime) -> bool:
    """Write a batch with the offset that it reaches; False, and nothing changes, if somebody else has begun there."""
    with database.write() as sql:
        insert_new(sql, view_decision_source, id=source, position=start, moved_at=now)
        if sql.execute(_POSITION.with_for_update(), {"source": source}).scalar_one() != start:
            return False
        rows = _rows(noted)
        if rows:
            sql.execute(_raise_times(sql.dialect.name), rows)
        sql.execute(_MOVE, {"source": source, "end": end, "now": now})
    return True


def _rows(noted: Sequence[Noted]) -> list[dict[str, object]]:
    """One row for each key, in the order of the keys, so that two who fold at once wait instead of deadlocking."""
    times: Counter[tuple[Any, ...]] = Counter()
    for one in noted:
        times[one.day, one.client, *one.asked, one.agent, one.ci] += one.times
    return [
        {
            "day": day, "client": client, "view": of, "kind": kind, "project": project, "filename": filename,
            "version": version, "verdict": verdict, "rule": rule, "agent": agent, "ci": ci, "times": number,
        }
        for (day, client, of, kind, project, filename, version, verdict, rule, agent, ci), number
        in sorted(times.items())
    ]  # fmt: skip


@cache
def _raise_times(dialect: str) -> Any:
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - the other dialect is not loaded
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # noqa: PLC0415 - see above
    statement = insert(view_decision)
    return statement.on_conflict_do_update(
        index_elements=[*view_decision.primary_key.columns],
        set_={"times": view_decision.c.times + statement.excluded.times},
    )


def _remove(database: Database, spool: SpoolReader, position: int) -> None:
    """Remove a file that is folded whole. If we die before its row goes, `_sweep_positions` finds the row."""
    spool.remove(position)
    with database.write() as sql:
        sql.execute(_FORGET, {"source": spool.id})


def _sweep(database: Database, before: date, deadline: float) -> None:
    while time.monotonic() < deadline:
        with database.read() as sql:
            if sql.execute(_OLD, {"before": before}).first() is None:
                return
        with database.write() as sql:
            sql.execute(_SWEEP, {"before": before})


def _sweep_positions(database: Database, folder: Path, before: datetime) -> None:
    """Forget the offsets of files that are gone; of a file that is here, never, or it would be folded again."""
    old = sa.select(view_decision_source.c.id).where(view_decision_source.c.moved_at < before)
    with database.read() as sql:
        gone = [row.id for row in sql.execute(old) if not (folder / row.id).exists()]
    for source in gone:
        with database.write() as sql:
            sql.execute(_FORGET, {"source": source})
