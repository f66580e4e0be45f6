"""Reading the ledger as somebody who may not see all of it: which projects are private is the catalog's knowledge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import project
from customhouse.infra.db import Database
from customhouse.ledger.chain import Entry
from customhouse.ledger.public import Reader, Sealed, kinds_of_project, may_see, seal
from customhouse.ledger.tables import ledger_event

BATCH = 500

_AFTER = (
    sa.select(ledger_event)
    .where(ledger_event.c.serial > sa.bindparam("serial"))
    .order_by(ledger_event.c.serial)
    .limit(sa.bindparam("limit"))
)
_BEFORE = (
    sa.select(ledger_event)
    .where(ledger_event.c.serial < sa.bindparam("serial"))
    .order_by(ledger_event.c.serial.desc())
    .limit(sa.bindparam("limit"))
)
_OF_PROJECT = ledger_event.c.project == sa.bindparam("name")
_SEEN_KINDS = ledger_event.c.kind.in_(sa.bindparam("kinds", expanding=True))
_AFTER_OF_PROJECT = _AFTER.where(_OF_PROJECT)
_BEFORE_OF_PROJECT = _BEFORE.where(_OF_PROJECT)
_PRIVATE = sa.select(project.c.normalized).where(
    project.c.normalized.in_(sa.bindparam("names", expanding=True)), project.c.visibility != "public"
)


def newest(sql: Connection, reader: Reader, *, before: int, limit: int) -> list[Entry | Sealed]:
    """The entries below a serial, newest first; what the reader may not see is sealed."""
    rows = sql.execute(_BEFORE, {"serial": before, "limit": limit})
    return _sealed(sql, reader, _entries(rows))


def newest_of_project(sql: Connection, reader: Reader, name: str, *, before: int, limit: int) -> list[Entry]:
    """The entries of a project below a serial, newest first, without those that the reader may not see.

    They are left out and not sealed: a sealed entry here would still tell that something has happened to this very
    project, a report for instance, and the chain cannot be followed through one project anyway.
    """
    return _seen(sql, reader, name, _BEFORE_OF_PROJECT, before, limit)


def export(database: Database, reader: Reader, *, after: int = 0, limit: int | None = None) -> Iterator[Entry | Sealed]:
    """The entries after a serial in order, sealed where the reader may not see them.

    Read in batches, each in a transaction of its own, so that a slow client holds nothing.
    """
    left = limit
    while left is None or left > 0:
        size = BATCH if left is None else min(BATCH, left)
        with database.read() as sql:
            found = _sealed(sql, reader, _entries(sql.execute(_AFTER, {"serial": after, "limit": size})))
        yield from found
        if len(found) < size:
            return
        after = found[-1].serial
        left = None if left is None else left - size


def export_of_project(
    database: Database, reader: Reader, name: str, *, after: int = 0, limit: int | None = None
) -> Iterator[Entry]:
    """The entries of a project after a serial in order, without those that the reader may not see."""
    left = limit
    while left is None or left > 0:
        size = BATCH if left is None else min(BATCH, left)
        with database.read() as sql:
            found = _seen(sql, reader, name, _AFTER_OF_PROJECT, after, size)
        yield from found
        if len(found) < size:
            return
        after = found[-1].serial
        left = None if left is None else left - size


def _entries(rows: Iterable[Any]) -> list[Entry]:
    return [Entry(**row._mapping) for row in rows]  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling


def _sealed(sql: Connection, reader: Reader, entries: Sequence[Entry]) -> list[Entry | Sealed]:
    private = _private(sql, entries)
    return [entry if may_see(reader, entry, private) else seal(entry) for entry in entries]


def _seen(
    sql: Connection, reader: Reader, name: str, statement: sa.Select[Any], serial: int, limit: int
) -> list[Entry]:
    values: dict[str, Any] = {"name": name, "serial": serial, "limit": limit}
    kinds = kinds_of_project(reader, name)
    if kinds is not None:
        statement, values["kinds"] = statement.where(_SEEN_KINDS), kinds
    entries = _entries(sql.execute(statement, values))
    private = _private(sql, entries)
    return [entry for entry in entries if may_see(reader, entry, private)]


def _private(sql: Connection, entries: Sequence[Entry]) -> set[str]:
    names = {entry.project for entry in entries if entry.project is not None}
    return set(sql.execute(_PRIVATE, {"names": sorted(names)}).scalars()) if names else set()
