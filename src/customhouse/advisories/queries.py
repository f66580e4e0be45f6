"""Reading the store: by id, by name, by alias, by what has changed, or all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.tables import advisory, advisory_alias, advisory_package
from customhouse.formats.osv.model import PYPI, Record
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.severity import Level
from customhouse.infra.db import Database

BATCH = 500
MOST_ALIASES = 200
"""So many records of one vulnerability are looked for: a chain of aliases that somebody spins on ends somewhere."""

# Made once: building a statement costs more than running it.
_COLUMNS = (
    advisory.c.id, advisory.c.modified, advisory.c.published, advisory.c.withdrawn, advisory.c.summary,
    advisory.c.level, advisory.c.base_score, advisory.c.source, advisory.c.digest, advisory.c.document,
    advisory.c.changed_serial,
)  # fmt: skip
_ALL = sa.select(*_COLUMNS)
_BY_IDS = _ALL.where(advisory.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(advisory.c.id)
_BY_NAMES = (
    sa.select(advisory_package.c.name, *_COLUMNS)
    .join(advisory_package, advisory_package.c.advisory_id == advisory.c.id)
    .where(
        advisory_package.c.ecosystem == sa.bindparam("ecosystem"),
        advisory_package.c.name.in_(sa.bindparam("names", expanding=True)),
    )
    .order_by(advisory_package.c.name, advisory.c.id)
)
_AFTER_ID = _ALL.where(advisory.c.id > sa.bindparam("last")).order_by(advisory.c.id).limit(BATCH)
_AFTER_ID_OF = _AFTER_ID.where(
    sa.exists().where(
        advisory_package.c.advisory_id == advisory.c.id, advisory_package.c.ecosystem == sa.bindparam("ecosystem")
    )
)
_NAMED_BY = sa.select(advisory_alias.c.advisory_id, advisory_alias.c.alias).where(
    sa.or_(
        advisory_alias.c.alias.in_(sa.bindparam("names", expanding=True)),
        advisory_alias.c.advisory_id.in_(sa.bindparam("names", expanding=True)),
    )
)
_LAST = sa.select(sa.func.max(advisory.c.changed_serial))
_IDS = sa.select(advisory.c.id)
_COUNT = sa.select(sa.func.count()).select_from(advisory)


@dataclass(frozen=True, slots=True)
class Stored:
    """An advisory as it is stored."""

    id: str
    modified: datetime
    published: datetime | None
    withdrawn: datetime | None
    summary: str
    level: Level
    base_score: float | None
    source: str
    digest: str
    document: str
    """JSON text, to hand on as it is."""
    changed_serial: int

    @property
    def record(self) -> Record:
        """The same, read; remembered, for the same few thousand are asked for again and again."""
        return _record(self.id, self.digest, self.document)


@lru_cache(maxsize=8_192)
def _record(advisory_id: str, _digest: str, document: str) -> Record:
    return read_record(json.loads(document), advisory_id)


def find(sql: Connection, advisory_id: str) -> Stored | None:
    """The record of this very id."""
    return next(iter(find_all(sql, [advisory_id])), None)


def find_all(sql: Connection, ids: Collection[str]) -> list[Stored]:
    """The records of these ids, those that are there, by id."""
    return [_stored(row) for row in sql.execute(_BY_IDS, {"ids": sorted(ids)})] if ids else []


def of_names(sql: Connection, names: Collection[str], ecosystem: str = PYPI) -> dict[str, list[Stored]]:
    """The records of each of these packages, withdrawn ones too; names are normalised. No name, no entry."""
    found: dict[str, list[Stored]] = {}
    if names:
        for row in sql.execute(_BY_NAMES, {"names": sorted(names), "ecosystem": ecosystem}):
            found.setdefault(row.name, []).append(_stored(row))
    return found


def same_as(sql: Connection, name: str) -> list[Stored]:
    """Every record of the vulnerability that goes by this id or alias, by the closure of aliases, by id.

    Records that do not name each other, but a third name that has no record here, are found as well.
    """
    known, new = {name}, {name}
    while new and len(known) < MOST_ALIASES:
        pairs = sql.execute(_NAMED_BY, {"names": sorted(new)}).all()
        new = {one for row in pairs for one in (row.advisory_id, row.alias)} - known
        known |= new
    return find_all(sql, known)


def every(database: Database, ecosystem: str | None = None) -> Iterator[Stored]:
    """All records by id, read in batches, each in a transaction of its own."""
    last = ""
    while True:
        with database.read() as sql:
            statement = _AFTER_ID if ecosystem is None else _AFTER_ID_OF
            rows = sql.execute(statement, {"last": last, "ecosystem": ecosystem}).all()
        yield from map(_stored, rows)
        if len(rows) < BATCH:
            return
        last = rows[-1].id


def every_id(sql: Connection) -> set[str]:
    """The ids of all records."""
    return set(sql.execute(_IDS).scalars())


def last_change(sql: Connection) -> int:
    """The serial of the newest change of the store; 0 if it is empty."""
    return sql.execute(_LAST).scalar() or 0


def count(sql: Connection) -> int:
    """How many records there are."""
    return sql.execute(_COUNT).scalar_one()


def _stored(row: Any) -> Stored:
    return Stored(
        row.id, row.modified, row.published, row.withdrawn, row.summary, Level(row.level), row.base_score, row.source,
        row.digest, row.document, row.changed_serial,
    )  # fmt: skip
