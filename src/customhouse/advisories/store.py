"""Writing records: again and again without harm, in batches that hold nobody up."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.events import AdvisoriesChanged
from customhouse.advisories.model import (
    OWN,
    OWN_TRUST,
    USUAL_TRUST,
    Held,
    Prepared,
    Written,
    may_replace,
    names_of,
    prepare,
)
from customhouse.advisories.tables import advisory, advisory_alias, advisory_package, advisory_source
from customhouse.formats.osv.model import PYPI, Record
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.identity import SYSTEM, Identity

READ_AT_ONCE = 500
LONGEST_SECONDS = 0.016
SHORTEST_SECONDS = 0.008
FEWEST, MOST = 10, 200

_HELD = (
    sa.select(
        advisory.c.id, advisory.c.source, advisory.c.modified, advisory.c.digest,
        sa.func.coalesce(advisory_source.c.trust, USUAL_TRUST).label("trust"),
    )
    .select_from(advisory.outerjoin(advisory_source, advisory_source.c.name == advisory.c.source))
    .where(advisory.c.id.in_(sa.bindparam("ids", expanding=True)))
)  # fmt: skip
_TRUST = sa.select(advisory_source.c.trust).where(advisory_source.c.name == sa.bindparam("name"))
_NAMES_BEFORE = sa.select(advisory_package.c.name).where(
    advisory_package.c.advisory_id.in_(sa.bindparam("ids", expanding=True)), advisory_package.c.ecosystem == PYPI
)
_NO_PACKAGES = advisory_package.delete().where(advisory_package.c.advisory_id == sa.bindparam("gone"))
_NO_ALIASES = advisory_alias.delete().where(advisory_alias.c.advisory_id == sa.bindparam("gone"))
_INSERT_PACKAGES = advisory_package.insert()
_INSERT_ALIASES = advisory_alias.insert()


def put(deeds: Deeds, records: Iterable[Record], source: str, *, by: Identity = SYSTEM) -> Written:
    """Store a source's records, each batch in a transaction and with an event of its own.

    Putting the same again writes nothing. If it is broken off, what was written stays, and the next run goes on. Of
    several records of one id the last counts.
    """
    done, pace, waiting = Written(), FEWEST, iter(records)
    while piece := {record.id: record for record in islice(waiting, READ_AT_ONCE)}:
        due = _due([prepare(record) for record in piece.values()], deeds, done)
        while batch := list(islice(due, pace)):
            began = time.perf_counter()
            done.add(deeds.do(partial(_write, source=source, by=by), batch))
            pace = _paced(pace, len(batch), time.perf_counter() - began)
    return done


def _due(prepared: Sequence[Prepared], deeds: Deeds, done: Written) -> Iterator[Prepared]:
    """Those that differ from what is stored: the usual import of what is known already writes nothing."""
    with deeds.database.read() as sql:
        held = _held(sql, [one.record.id for one in prepared])
    due = [one for one in prepared if one.record.id not in held or held[one.record.id].digest != one.digest]
    done.same += len(prepared) - len(due)
    yield from due


def _paced(pace: int, records: int, seconds: float) -> int:
    """How many records the next transaction takes, so that it holds the writers up for less than 20 ms."""
    if seconds > LONGEST_SECONDS:
        return max(pace // 2, FEWEST)
    return min(pace * 2, MOST) if seconds < SHORTEST_SECONDS and records >= pace else pace


def _write(batch: Sequence[Prepared], tx: Tx, *, source: str, by: Identity) -> Written:
    return write_prepared(tx, batch, source, by=by)


def write_records(
    tx: Tx, records: Iterable[Record], source: str = OWN, *, by: Identity = SYSTEM, project: str | None = None
) -> Written:
    """Write a few records inside somebody's deed, with its event: what we publish ourselves.

    ``project`` is the one of ours that they are about, if they are about one alone: strangers read the event no more
    when it becomes private.
    """
    return write_prepared(tx, [prepare(record) for record in records], source, by=by, project=project)


def write_prepared(
    tx: Tx, batch: Sequence[Prepared], source: str, *, by: Identity, project: str | None = None
) -> Written:
    """Write those of a batch that may take their id's place; the batch is small and no id stands in it twice."""
    # From here on no other writer comes between what is looked at and what is written.
    serial = tx.serialize() + 1
    trust = OWN_TRUST if source == OWN else tx.sql.execute(_TRUST, {"name": source}).scalar() or USUAL_TRUST
    held = _held(tx.sql, [one.record.id for one in batch])
    done, going = Written(), []
    for one in batch:
        before = held.get(one.record.id)
        if before is None:
            done.new += 1
        elif before.digest == one.digest and (before.source == source or trust <= before.trust):
            done.same += 1
            continue
        elif not may_replace(before, source, trust, one):
            done.kept += 1
            if before.source == OWN:
                done.usurped.append(one.record.id)
            continue
        else:
            done.changed += 1
        going.append(one)
    if going:
        names = _put(tx.sql, going, source, serial, known=held.keys())
        ids = tuple(one.record.id for one in going)
        tx.record(AdvisoriesChanged(by, project, source=source, ids=ids, names=names))
    return done


def _held(sql: Connection, ids: Collection[str]) -> dict[str, Held]:
    rows = sql.execute(_HELD, {"ids": sorted(ids)}).all() if ids else ()
    return {
        row.id: Held(row.source, OWN_TRUST if row.source == OWN else row.trust, row.modified, row.digest)
        for row in rows
    }


def _put(
    sql: Connection, going: Sequence[Prepared], source: str, serial: int, *, known: Collection[str]
) -> tuple[str, ...]:
    """Write the rows; returns the names that they concern, those of before too."""
    old = [one.record.id for one in going if one.record.id in known]
    names = set(sql.execute(_NAMES_BEFORE, {"ids": old}).scalars()) if old else set()
    put_rows(sql, advisory, [_row(one, source, serial) for one in going])
    if old:
        sql.execute(_NO_PACKAGES, [{"gone": one} for one in old])
        sql.execute(_NO_ALIASES, [{"gone": one} for one in old])
    packages = [
        {"advisory_id": one.record.id, "ecosystem": ecosystem, "name": name}
        for one in going
        for ecosystem, name in one.packages
    ]
    aliases = [
        {"advisory_id": one.record.id, "alias": alias}
        for one in going
        for alias in one.record.aliases
        if alias != one.record.id
    ]
    if packages:
        sql.execute(_INSERT_PACKAGES, packages)
    if aliases:
        sql.execute(_INSERT_ALIASES, aliases)
    return tuple(sorted(names.union(*(names_of(one.packages) for one in going))))


def _row(one: Prepared, source: str, serial: int) -> dict[str, object]:
    record = one.record
    return {
        "id": record.id,
        "modified": record.modified,
        "published": record.published,
        "withdrawn": record.withdrawn,
        # PostgreSQL stores no NUL.
        "summary": record.summary.replace("\0", " "),
        "level": int(one.level),
        "base_score": one.base_score,
        "source": source,
        "digest": one.digest,
        "document": one.document,
        "changed_serial": serial,
    }
