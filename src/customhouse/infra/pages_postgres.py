"""Ready pages in PostgreSQL, read by psycopg.

A thread reads ``changed`` every 250 ms and drops the copies of what moved on. Copies are trusted for one second after
the last poll that began; if polling fails for longer, every read goes to the database until it works again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from customhouse.infra.pages import Format, Gate, Page
from customhouse.infra.pages_copy import Copy
from customhouse.terms.errors import Unavailable

POLL_SECONDS = 0.25
TRUST_SECONDS = 1.0
_PAGE_COLUMNS = ("name", "format", "serial", "etag", "body", "gzip", "view", "epoch")
_GATE_COLUMNS = (
    *("filename", "project", "digest", "size_bytes", "verdict", "reason"),
    *("metadata_digest", "metadata_size_bytes", "view", "until"),
)
_PAGE = b"SELECT name, format, serial, etag, body, gzip, view, epoch FROM page WHERE view=%s AND name=%s AND format=%s"
_GATE = (
    b"SELECT filename, project, digest, size_bytes, verdict, reason, metadata_digest, metadata_size_bytes, view,"
    b" until FROM gate WHERE view=%s AND filename=%s"
)
_CHANGED = b"SELECT name, serial FROM changed WHERE serial > %s"
_PUT_PAGE = (
    b"INSERT INTO page (name, format, serial, etag, body, gzip, view, epoch) VALUES (%s,%s,%s,%s,%s,%s,%s,%s)"
    b" ON CONFLICT (name, view, format, epoch) DO UPDATE SET serial=excluded.serial, etag=excluded.etag,"
    b" body=excluded.body, gzip=excluded.gzip"
)
_PUT_GATE = (
    b"INSERT INTO gate (filename, project, digest, size_bytes, verdict, reason, metadata_digest, metadata_size_bytes,"
    b" view, until) VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s) ON CONFLICT (view, filename) DO UPDATE SET"
    b" project=excluded.project, digest=excluded.digest, size_bytes=excluded.size_bytes, verdict=excluded.verdict,"
    b" reason=excluded.reason, metadata_digest=excluded.metadata_digest,"
    b" metadata_size_bytes=excluded.metadata_size_bytes, until=excluded.until"
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
        page = Page(row[0], row[1], row[2], row[3], bytes(row[4]), bytes(row[5]), row[6], row[7])
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

    def put(self, name: str, serial: int, pages: tuple[Page, ...], gates: tuple[Gate, ...]) -> bool:
        """Store a rendering unless its project has moved on; a deed that is about to move it waits for us."""
        with self._writer.use() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute(b"SELECT serial FROM changed WHERE name=%s FOR SHARE", (name,))
            row = cursor.fetchone()
            if row is None or row[0] != serial:
                return False
            cursor.executemany(_PUT_PAGE, [tuple(getattr(page, column) for column in _PAGE_COLUMNS) for page in pages])
            cursor.executemany(_PUT_GATE, [tuple(getattr(gate, column) for column in _GATE_COLUMNS) for gate in gates])
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
