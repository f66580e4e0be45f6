"""A deed in one transaction: rows, ledger events, jobs and the project's new serial, all of them or none.

The head of the ledger is locked as the last step until commit. So serials appear in the order of commits, and nobody
who polls can skip one; a sequence of the database would hand them out before commit.

A deed is a function ``deed(command, tx) -> result``: it reads, decides, changes and tells. It raises `Refused` (with
the records to keep) or `Rejected` to leave everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.infra import jobs
from customhouse.infra.db import Database, put_rows
from customhouse.infra.pages import epoch_name, name_in_views
from customhouse.infra.tables import changed, edition, gate, page
from customhouse.ledger.chain import Entry, canonical, entry_hash
from customhouse.ledger.events import Event
from customhouse.ledger.tables import ledger_event, ledger_head
from customhouse.terms.clock import Clock
from customhouse.terms.errors import Broken, Refused

# Made once: building a statement costs more than running it.
_HEAD = sa.select(ledger_head.c.serial, ledger_head.c.hash).where(ledger_head.c.id == 1).with_for_update()
_MOVE_HEAD = (
    ledger_head.update()
    .where(ledger_head.c.id == 1)
    .values(serial=sa.bindparam("new_serial"), hash=sa.bindparam("new_hash"))
)
_INSERT_EVENT = ledger_event.insert()
_DROP_PAGES = page.delete().where(page.c.name == sa.bindparam("gone"))
_DROP_GATES = gate.delete().where(gate.c.project == sa.bindparam("gone"))
_DROP_EDITIONS = edition.delete().where(edition.c.name == sa.bindparam("gone"))
_OF_VIEWS = tuple(table.delete().where(table.c.view == sa.bindparam("gone")) for table in (page, gate, edition))

USUAL_DELAY = timedelta(hours=72)

C = TypeVar("C")
R = TypeVar("R")


class Tx:
    """One open transaction, as a deed sees it."""

    def __init__(self, sql: Connection, clock: Clock, *, delay: timedelta = USUAL_DELAY) -> None:
        self.sql = sql
        self.clock = clock
        self.delay = delay
        """How long a dangerous change waits, by the settings."""
        self.waited = False
        """Whether what this transaction does has waited so long already, so that nothing puts it off again."""
        self._events: list[Event] = []
        self._head: tuple[int, str] | None = None
        self._views: set[str] = set()
        self._in_views: set[str] = set()
        self._names: set[str] = set()
        self.voided: frozenset[str] = frozenset()
        """The names whose rendered pages this transaction deletes, known after `finish`."""

    def now(self) -> datetime:
        """The clock's time."""
        return self.clock.now()

    def record(self, event: Event) -> None:
        """Add an event to the ledger (written at the end, under the serial it gets there)."""
        self._events.append(event)

    def void_view(self, view: str) -> None:
        """Whatever is rendered of this view is void when the deed commits. An event must say why."""
        self._views.add(view)

    def void_names(self, names: Collection[str]) -> None:
        """What views decide of these projects is void when the deed commits; their own pages stay. Likewise."""
        self._in_views.update(names)

    def void_pages(self, names: Collection[str]) -> None:
        """Whatever is rendered of these projects, anywhere, is void when the deed commits. Likewise."""
        self._names.update(names)

    def later(
        self, name: str, arguments: Mapping[str, Any], *, due_at: datetime | None = None, key: str | None = None
    ) -> None:
        """Add a job that becomes due when the deed commits, or at ``due_at``."""
        jobs.add(self.sql, name, arguments, due_at=due_at or self.now(), key=key)

    def serialize(self) -> int:
        """Wait for our turn among all writers, keep it until commit, and return the ledger's last serial.

        What is read after this sees every deed that came before.
        """
        if self._head is None:
            row = self.sql.execute(_HEAD).one_or_none()
            if row is None:
                raise Broken("The ledger has no head row. Restore the database from a backup.")
            self._head = (row.serial, row.hash)
        return self._head[0]

    def finish(self) -> int:
        """Write the events under their serials and void the pages they change; returns the last serial."""
        serial = self.serialize()
        if not self._events or self._head is None:
            return serial
        previous = self._head[1]
        at = self.now()
        rows: list[dict[str, Any]] = []
        voided: dict[str, int] = {}
        for event in self._events:
            serial += 1
            entry = Entry(
                serial, at, event.kind, event.actor.kind, event.actor.id, event.actor.name, event.project,
                canonical(event.body()), previous,
            )  # fmt: skip
            previous = entry_hash(entry)
            rows.append(
                {
                    **{name: getattr(entry, name) for name in Entry.__slots__ if name != "hash"},
                    "hash": previous,
                }
            )
            if event.changes_pages and event.project is not None:
                voided[event.project] = serial
            if event.changes_views and event.project is not None:
                self._in_views.add(event.project)
            if event.changes_list:
                voided[""] = serial
        self.sql.execute(_INSERT_EVENT, rows)
        self.sql.execute(_MOVE_HEAD, {"new_serial": serial, "new_hash": previous})
        voided |= dict.fromkeys(self._names, serial)
        if self._views:
            voided |= dict.fromkeys(map(epoch_name, self._views), serial)
        if self._in_views:
            voided |= dict.fromkeys(map(name_in_views, self._in_views), serial)
        if voided:
            self._void(voided)
        self._events.clear()
        self._views.clear()
        self._names.clear()
        self._in_views.clear()
        return serial

    def _void(self, serials: Mapping[str, int]) -> None:
        """Delete what is rendered of these projects, in every view, and say at which serials they changed."""
        self.voided |= serials.keys()
        put_rows(self.sql, changed, [{"name": name, "serial": serial} for name, serial in serials.items()])
        gone = [{"gone": name} for name in serials]
        self.sql.execute(_DROP_PAGES, gone)
        self.sql.execute(_DROP_GATES, gone)
        self.sql.execute(_DROP_EDITIONS, gone)
        for drop in _OF_VIEWS if self._views else ():
            self.sql.execute(drop, [{"gone": view} for view in self._views])
        if self._in_views:
            # Without its edition nothing that is rendered in a view is used.
            self.sql.execute(_DROP_EDITIONS, [{"gone": name} for name in self._in_views])


class Deeds:
    """Does deeds, one transaction each."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        on_voided: Callable[[Collection[str]], None] = lambda _names: None,
        *,
        delay: timedelta = USUAL_DELAY,
    ) -> None:
        """``on_voided`` hears after each commit which names have moved on; ``delay`` is that of dangerous changes."""
        self.database = database
        self.clock = clock
        self.delay = delay
        self._on_voided = on_voided

    def do(self, deed: Callable[[C, Tx], R], command: C) -> R:
        """Do one deed. A refusal rolls it back, then its records are written in a second transaction."""
        try:
            with self.database.write() as sql:
                tx = Tx(sql, self.clock, delay=self.delay)
                result = deed(command, tx)
                tx.finish()
        except Refused as refusal:
            self.keep_records(refusal)
            raise
        if tx.voided:
            self._on_voided(tx.voided)
        return result

    def keep_records(self, refusal: Refused) -> None:
        """Write the traces of a refusal that happened before or inside a deed."""
        events = [record for record in refusal.records if isinstance(record, Event)]
        if not events:
            return
        with self.database.write() as sql:
            tx = Tx(sql, self.clock)
            for event in events:
                tx.record(event)
            tx.finish()
