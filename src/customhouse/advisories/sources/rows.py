"""The sources that are known here, and what could not be read of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.events import AdvisorySourceSet
from customhouse.advisories.sources.model import Mark, Source, check_source
from customhouse.advisories.tables import advisory, advisory_problem, advisory_source
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import OPERATOR, SYSTEM, Identity

LONGEST_PLACE = 500
MOST_PROBLEMS = 10_000
"""So many are remembered of a source; what is beyond is counted in its error."""
_AT_ONCE = 200
_SOURCES = sa.select(advisory_source).order_by(advisory_source.c.name)
_SOURCE = sa.select(advisory_source).where(advisory_source.c.name == sa.bindparam("name"))
_BY_PLACE = sa.select(advisory_source).where(advisory_source.c.place == sa.bindparam("place"))
_PLACES = sa.select(advisory_problem.c.place).where(advisory_problem.c.source == sa.bindparam("name"))
_PROBLEMS = (
    sa.select(advisory_problem)
    .where(advisory_problem.c.source == sa.bindparam("name"))
    .order_by(advisory_problem.c.place)
)
_COUNTS = sa.select(advisory.c.source, sa.func.count()).group_by(advisory.c.source)


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that could not be read, and since when."""

    place: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class AddSource:
    """An operator's wish that a source be asked every hour."""

    source: Source
    by: Identity = OPERATOR


@dataclass(frozen=True, slots=True)
class RemoveSource:
    """An operator's wish that a source be asked no more. Its records stay."""

    name: str
    by: Identity = OPERATOR


def sources(sql: Connection) -> list[Source]:
    """All of them, by name."""
    return [_source(sql, row) for row in sql.execute(_SOURCES).all()]


def find_source(sql: Connection, name: str) -> Source | None:
    """The one of this name."""
    row = sql.execute(_SOURCE, {"name": name}).one_or_none()
    return None if row is None else _source(sql, row)


def find_source_at(sql: Connection, place: str) -> Source | None:
    """The first one that is read from this place."""
    row = sql.execute(_BY_PLACE, {"place": place}).first()
    return None if row is None else _source(sql, row)


def problems(sql: Connection, name: str) -> list[Problem]:
    """What could not be read of a source the last time, by place."""
    return [Problem(row.place, row.reason, row.since) for row in sql.execute(_PROBLEMS, {"name": name})]


def records_by_source(sql: Connection) -> dict[str, int]:
    """How many records each source's word counts for."""
    return {row[0]: row[1] for row in sql.execute(_COUNTS)}


def add_source(command: AddSource, tx: Tx) -> Source:
    """Add a source, or describe a known one anew. Another place is read from its beginning."""
    wanted = check_source(command.source)
    before = find_source(tx.sql, wanted.name)
    described = {
        "kind": wanted.kind,
        "place": wanted.place,
        "trust": wanted.trust,
        "ecosystems": " ".join(one.replace(" ", "_") for one in wanted.ecosystems),
        "origin": wanted.origin,
    }
    if before is None:
        tx.sql.execute(advisory_source.insert().values(name=wanted.name, added_at=tx.now(), **described))
    elif _told(before) == _told(wanted):
        return before
    else:
        if (before.kind, before.place, before.ecosystems) != (wanted.kind, wanted.place, wanted.ecosystems):
            described |= {"etag": "", "last_modified": "", "revision": ""}
        tx.sql.execute(advisory_source.update().where(advisory_source.c.name == wanted.name).values(**described))
    change = "added" if before is None else "changed"
    tx.record(AdvisorySourceSet(command.by, None, source=wanted.name, place=wanted.place, change=change))
    return wanted


def remove_source(command: RemoveSource, tx: Tx) -> Source:
    """Forget a source. Its records stay, and any other source may replace them from now on."""
    found = find_source(tx.sql, command.name)
    if found is None:
        raise Refused("unknown-source", f"There is no source {command.name[:60]!r}.", status=404)
    if found.origin == "settings":
        raise Refused("source-in-settings", f"The source {found.name!r} stands in the settings.", "Remove it there.",
                      status=409)  # fmt: skip
    forget(tx, found, command.by)
    return found


def forget(tx: Tx, found: Source, by: Identity = SYSTEM) -> None:
    """Remove the rows of a source, but none of its records."""
    tx.sql.execute(advisory_problem.delete().where(advisory_problem.c.source == found.name))
    tx.sql.execute(advisory_source.delete().where(advisory_source.c.name == found.name))
    tx.record(AdvisorySourceSet(by, None, source=found.name, place=found.place, change="removed"))


def write_state(sql: Connection, name: str, *, now: datetime, error: str, mark: Mark | None, succeeded: bool) -> None:
    """Note how a try has ended; no mark leaves the old one."""
    values: dict[str, Any] = {"tried_at": now, "error": error[:2000]}
    if mark is not None:
        values |= {"etag": mark.etag, "last_modified": mark.last_modified, "revision": mark.revision}
    if succeeded:
        values["succeeded_at"] = now
    sql.execute(advisory_source.update().where(advisory_source.c.name == name).values(**values))


def write_problems(
    sql: Connection, name: str, found: Mapping[str, str], over: Collection[str] | None, now: datetime
) -> None:
    """Remember what could not be read; ``over`` names the places that are fine or gone, None: all others are."""
    known = set(sql.execute(_PLACES, {"name": name}).scalars())
    ended = known - found.keys() if over is None else known & set(over)
    for batch in _batches(sorted(ended)):
        sql.execute(
            advisory_problem.delete().where(advisory_problem.c.source == name, advisory_problem.c.place.in_(batch))
        )
    for place in sorted(known & found.keys()):
        at = (advisory_problem.c.source == name, advisory_problem.c.place == place)
        sql.execute(advisory_problem.update().where(*at).values(reason=found[place]))
    new = [
        {"source": name, "place": place, "reason": found[place], "since": now} for place in sorted(found.keys() - known)
    ]
    if new:
        sql.execute(advisory_problem.insert(), new)


def _batches(places: Sequence[str]) -> list[Sequence[str]]:
    return [places[start : start + _AT_ONCE] for start in range(0, len(places), _AT_ONCE)]


def _told(source: Source) -> tuple[object, ...]:
    return source.kind, source.place, source.trust, source.ecosystems, source.origin


def _source(sql: Connection, row: Any) -> Source:
    return Source(
        row.name, row.kind, row.place, row.trust, tuple(one.replace("_", " ") for one in row.ecosystems.split()),
        row.origin, Mark(row.etag, row.last_modified, row.revision), row.tried_at, row.succeeded_at, row.error,
        tuple(sql.execute(_PLACES, {"name": row.name}).scalars()),
    )  # fmt: skip
