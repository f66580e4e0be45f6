"""Ready pages in PostgreSQL, read by psycopg.

A thread reads ``changed`` every 250 ms and drops the copies of what moved on. Copies are trusted for one second after
the last poll that began; if polling fails for longer, every read goes to the database until it works again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from customhouse.infra.pages import Edition, Format, Gate, Page
from customhouse.infra.pages_copy import Copy
from customhouse.terms.errors import Unavailable

POLL_SECONDS = 0.25
TRUST_SECONDS = 1.0
_PAGE_COLUMNS = ("name", "format", "serial", "etag", "body", "gzip", "view", "epoch", "edition")
_GATE_COLUMNS = (
    *("filename", "project", "digest", "size_bytes", "verdict", "reason"),
    *("metadata_digest", "metadata_size_bytes", "view", "until"),
    *("edition", "version", "action", "rule", "nearest", "origin"),
)
_PAGE = (
    b"SELECT name, format, serial, etag, body, gzip, view, epoch, edition FROM page"
    b" WHERE view=%s AND name=%s AND format=%s"
)
_GATE = (
    b"SELECT filename, project, digest, size_bytes, verdict, reason, metadata_digest, metadata_size_bytes, view,"
    b" until, edition, version, action, rule, nearest, origin FROM gate WHERE view=%s AND filename=%s"
)
_EDITION = (
    b"SELECT view, name, number, renew_at, files_until, ends_at, warning, newest, action, rule FROM edition"
    b" WHERE view=%s AND name=%s"
)
_PUT_EDITION = (
    b"INSERT INTO edition (view, name, number, renew_at, files_until, ends_at, warning, newest, action, rule)"
    b" VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)"
    b" ON CONFLICT (name, view) DO UPDATE SET number=excluded.number, renew_at=excluded.renew_at,"
    b" files_until=excluded.files_until, ends_at=excluded.ends_at, warning=excluded.warning, newest=excluded.newest,"
    b" action=excluded.action, rule=excluded.rule"
)
_SERIAL = b"SELECT serial FROM changed WHERE name=%s FOR SHARE"
# A name that never changed has no row that could be locked: without one, a deed's first row would come unnoticed.
_KNOWN = b"INSERT INTO changed (name, serial) VALUES (%s, 0) ON CONFLICT DO NOTHING"
_PUT_PAGE = (
    b"INSERT INTO page (name, format, serial, etag, body, gzip, view, epoch, edition)"
    b" VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s)"
    b" ON CONFLICT (name, view, format, epoch) DO UPDATE SET serial=excluded.serial, etag=excluded.etag,"
    b" body=excluded.body, gzip=excluded.gzip, edition=excluded.edition"
)
_PUT_GATE = (
    b"INSERT INTO gate (filename, project, digest, size_bytes, verdict, reason, metadata_digest, metadata_size_bytes,"
    b" view, until, edition, version, action, rule, nearest, origin)"
    b" VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)"
    b" ON CONFLICT (view, filename) DO UPDATE SET"
    b" project=excluded.project, digest=excluded.digest, size_bytes=excluded.size_bytes, verdict=excluded.verdict,"
    b" reason=excluded.reason, metadata_digest=excluded.metadata_digest,"
    b" metadata_size_bytes=excluded.metadata_size_bytes, until=excluded.until, edition=excluded.edition,"
    b" version=excluded.version, action=excluded.action, rule=excluded.rule,"
    b" nearest=excluded.nearest, origin=excluded.origin"
)


class PostgresPages:
    """A `Pages` on PostgreSQL; safe to use from several threads. ``conninfo`` is a libpq URL."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._copy = Copy()
        self._reader = _Line(conninfo)
        self._writer = _Line(conninfo)
        self._poller = _Line(conninfo)
        self._serial = -1
        self._trusted_until = 0.0
        self._stop = threading.Event()
        self._poll()
        self._thread = threading.Thread(target=self._keep_polling, name="pages-poll", daemon=True)
        self._thread.start()

    def ready_page(self, view: str, name: str, format_: Format) -> Page | None:
        """The page from this process's copy, while polling works."""
        return self._copy.pages.get((view, name, format_)) if time.monotonic() < self._trusted_until else None

    def ready_gate(self, view: str, filename: str) -> Gate | None:
        """The gate from this process's copy, while polling works."""
        return self._copy.gates.get((view, filename)) if time.monotonic() < self._trusted_until else None

    def page(self, view: str, name: str, format_: Format) -> Page | None:
        """The ready page, or None."""
        generation = self._copy.generation
        row = self._reader.fetch(_PAGE, (view, name, format_))
        if row is None:
            return None
        page = Page(row[0], row[1], row[2], row[3], bytes(row[4]), bytes(row[5]), row[6], row[7], row[8])
        self._copy.add_page(page, generation)
        return page

    def gate(self, view: str, filename: str) -> Gate | None:
        """The ready gate, or None."""
        generation = self._copy.generation
        row = self._reader.fetch(_GATE, (view, filename))
        if row is None:
            return None
        gate = Gate(*row)
        self._copy.add_gate(gate, generation)
        return gate

    def ready_offer(self, view: str, name: str, format_: Format) -> tuple[Page, Edition] | None:
        """A page of a view and its edition from this process's copy, while polling works."""
        return self._copy.offer(view, name, format_) if time.monotonic() < self._trusted_until else None

    def ready_file(self, view: str, filename: str) -> tuple[Gate, Edition] | None:
        """A gate of a view and its edition from this process's copy, while polling works."""
        return self._copy.file(view, filename) if time.monotonic() < self._trusted_until else None

    def offer(self, view: str, name: str, format_: Format) -> tuple[Page, Edition] | None:
        """A page of a view and its edition, or None."""
        page = self.page(view, name, format_)
        return (page, edition) if page and (edition := self._edition(view, name, page.edition)) else None

    def file(self, view: str, filename: str) -> tuple[Gate, Edition] | None:
        """A gate of a view and its edition, or None."""
        gate = self.gate(view, filename)
        return (gate, edition) if gate and (edition := self._edition(view, gate.project, gate.edition)) else None

    def _edition(self, view: str, name: str, number: int) -> Edition | None:
        generation = self._copy.generation
        row = self._reader.fetch(_EDITION, (view, name))
        if row is None or row[2] != number:
            return None
        edition = Edition(*row)
        self._copy.add_edition(edition, generation)
        return edition

    def put(self, name: str, serial: int, pages: tuple[Page, ...], gates: tuple[Gate, ...]) -> bool:
        """Store a rendering unless its project has moved on; a deed that is about to move it waits for us."""
        with self._writer.use() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute(b"SELECT serial FROM changed WHERE name=%s FOR SHARE", (name,))
            row = cursor.fetchone()
            if row is None or row[0] != serial:
                return False
            cursor.executemany(_PUT_PAGE, [_page_row(page) for page in pages])
            cursor.executemany(_PUT_GATE, [_gate_row(gate) for gate in gates])
            return True

    def put_edition(
        self, read_at: Mapping[str, int], edition: Edition, pages: tuple[Page, ...], gates: tuple[Gate, ...]
    ) -> bool:
        """Store a rendering of a view unless the project or the view has moved on; a deed that moves one waits."""
        where = (edition.view, edition.name)
        with self._writer.use() as connection, connection.transaction(), connection.cursor() as cursor:
            for name, serial in sorted(read_at.items()):
                if serial == 0:
                    cursor.execute(_KNOWN, (name,))
                row = cursor.execute(_SERIAL, (name,)).fetchone()
                if row is None or row[0] != serial:
                    return False
            # One rendering of a project in a view at a time: they would write each other's rows.
            known = cursor.execute(_EDITION + b" FOR UPDATE", where).fetchone()
            if known is None or known[2] != edition.number:
                cursor.execute(b"DELETE FROM page WHERE view=%s AND name=%s", where)
                cursor.execute(b"DELETE FROM gate WHERE view=%s AND project=%s", where)
                cursor.executemany(_PUT_PAGE, [_page_row(page) for page in pages])
                cursor.executemany(_PUT_GATE, [_gate_row(gate) for gate in gates])
            cursor.execute(_PUT_EDITION, astuple(edition))
            return True

    def forget(self, names: Collection[str]) -> None:
        """Drop the copies of these projects now, without waiting for the next poll."""
        self._copy.drop(names)

    def close(self) -> None:
        """Stop polling and close the connections."""
        self._stop.set()
        self._thread.join(timeout=5)
        for line in (self._reader, self._writer, self._poller):
            line.close()

    def _keep_polling(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self._poll()

    def _poll(self) -> None:
        began = time.monotonic()
        try:
            with self._poller.use() as connection:
                rows = connection.execute(
                    b"SELECT name, serial FROM changed WHERE serial > %s", (self._serial,)
                ).fetchall()
        except Unavailable:
            # What changed meanwhile is read from the last serial on, once the database is back.
            return
        self._copy.drop(row[0] for row in rows)
        self._serial = max((row[1] for row in rows), default=self._serial)
        self._trusted_until = began + TRUST_SECONDS


class _Line:
    """One connection for one user at a time, opened again when it has broken."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._guard = threading.Lock()
        self._connection: psycopg.Connection[TupleRow] | None = None

    @contextmanager
    def use(self) -> Iterator[psycopg.Connection[TupleRow]]:
        with self._guard:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5)
                yield self._connection
            except psycopg.OperationalError as error:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                raise Unavailable("The database", type(error).__name__) from error

    def fetch(self, statement: bytes, values: Sequence[Any]) -> TupleRow | None:
        with self.use() as connection:
            return connection.execute(statement, values).fetchone()

    def close(self) -> None:
        with self._guard:
            if self._connection is not None:
                self._connection.close()


def _page_row(page: Page) -> tuple[Any, ...]:
    return tuple(getattr(page, column) for column in _PAGE_COLUMNS)


def _gate_row(gate: Gate) -> tuple[Any, ...]:
    return tuple(getattr(gate, column) for column in _GATE_COLUMNS)
