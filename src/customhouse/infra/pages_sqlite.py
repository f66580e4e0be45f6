"""Ready pages in SQLite, read by the plain driver.

A copy in this process serves while ``PRAGMA data_version`` is unchanged: the database tells in a few microseconds
whether any other connection, of this process or another, has committed since. When it has, ``changed`` says which
projects moved on, and only their copies go.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from customhouse.infra.fair_lock import write_lock
from customhouse.infra.pages import Edition, Format, Gate, Page
from customhouse.infra.pages_copy import Copy
from customhouse.terms.errors import Unavailable

BUSY_SECONDS = 30
_PAGE = (
    "SELECT name, format, serial, etag, body, gzip, view, epoch, edition FROM page WHERE view=? AND name=? AND format=?"
)
_GATE = (
    "SELECT filename, project, digest, size_bytes, verdict, reason, metadata_digest, metadata_size_bytes, view,"
    " until, edition, version, action, rule, nearest, origin FROM gate WHERE view=? AND filename=?"
)
_EDITION = (
    "SELECT view, name, number, renew_at, files_until, ends_at, warning, newest, action, rule FROM edition"
    " WHERE view=? AND name=?"
)
_PUT_PAGE = (
    "INSERT OR REPLACE INTO page (name, format, serial, etag, body, gzip, view, epoch, edition)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
)
_PUT_GATE = (
    "INSERT OR REPLACE INTO gate (filename, project, digest, size_bytes, verdict, reason, metadata_digest,"
    " metadata_size_bytes, view, until, edition, version, action, rule, nearest, origin)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_PUT_EDITION = (
    "INSERT OR REPLACE INTO edition (view, name, number, renew_at, files_until, ends_at, warning, newest, action, rule)"
    " VALUES (?,?,?,?,?,?,?,?,?,?)"
)
_SERIAL = "SELECT serial FROM changed WHERE name=?"


class SqlitePages:
    """A `Pages` on the SQLite file; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._copy = Copy()
        self._reader = self._connect()
        self._version = -1
        self._serial = -1
        self._writing = write_lock(path)
        self._writer: sqlite3.Connection | None = None

    def ready_page(self, view: str, name: str, format_: Format) -> Page | None:
        """The page from this process's copy, checked against the database's version."""
        with self._guard:
            self._catch_up()
            return self._copy.pages.get((view, name, format_))

    def ready_gate(self, view: str, filename: str) -> Gate | None:
        """The gate from this process's copy, checked against the database's version."""
        with self._guard:
            self._catch_up()
            return self._copy.gates.get((view, filename))

    def page(self, view: str, name: str, format_: Format) -> Page | None:
        """The ready page, or None."""
        with self._guard:
            self._catch_up()
            row = self._reader.execute(_PAGE, (view, name, format_)).fetchone()
            if row is None:
                return None
            page = Page(*row)
            self._copy.add_page(page, self._copy.generation)
            return page

    def gate(self, view: str, filename: str) -> Gate | None:
        """The ready gate, or None."""
        with self._guard:
            self._catch_up()
            row = self._reader.execute(_GATE, (view, filename)).fetchone()
            if row is None:
                return None
            gate = Gate(*row)
            self._copy.add_gate(gate, self._copy.generation)
            return gate

    def ready_offer(self, view: str, name: str, format_: Format) -> tuple[Page, Edition] | None:
        """A page of a view and its edition from this process's copy."""
        with self._guard:
            self._catch_up()
            return self._copy.offer(view, name, format_)

    def ready_file(self, view: str, filename: str) -> tuple[Gate, Edition] | None:
        """A gate of a view and its edition from this process's copy."""
        with self._guard:
            self._catch_up()
            return self._copy.file(view, filename)

    def offer(self, view: str, name: str, format_: Format) -> tuple[Page, Edition] | None:
        """A page of a view and its edition, or None."""
        page = self.page(view, name, format_)
        return (page, edition) if page and (edition := self._edition(view, name, page.edition)) else None

    def file(self, view: str, filename: str) -> tuple[Gate, Edition] | None:
        """A gate of a view and its edition, or None."""
        gate = self.gate(view, filename)
        return (gate, edition) if gate and (edition := self._edition(view, gate.project, gate.edition)) else None

    def _edition(self, view: str, name: str, number: int) -> Edition | None:
        with self._guard:
            self._catch_up()
            row = self._reader.execute(_EDITION, (view, name)).fetchone()
            if row is None or row[2] != number:
                return None
            edition = Edition(*row)
            self._copy.add_edition(edition, self._copy.generation)
            return edition

    def put(self, name: str, serial: int, pages: tuple[Page, ...], gates: tuple[Gate, ...]) -> bool:
        """Store a rendering unless its project has moved on."""
        with self._written() as writer:
            row = writer.execute(_SERIAL, (name,)).fetchone()
            current: bool = row is not None and row[0] == serial
            if current:
                writer.executemany(_PUT_PAGE, [_page_row(page) for page in pages])
                writer.executemany(_PUT_GATE, [_gate_row(gate) for gate in gates])
        return current

    def put_edition(
        self, read_at: Mapping[str, int], edition: Edition, pages: tuple[Page, ...], gates: tuple[Gate, ...]
    ) -> bool:
        """Store a rendering of a view unless the project or the view has moved on."""
        where = (edition.view, edition.name)
        with self._written() as writer:
            found = {name: writer.execute(_SERIAL, (name,)).fetchone() for name in read_at}
            current = all((row[0] if row else 0) == read_at[name] for name, row in found.items())
            if current:
                known = writer.execute(_EDITION, where).fetchone()
                if known is None or known[2] != edition.number:
                    writer.execute("DELETE FROM page WHERE view=? AND name=?", where)
                    writer.execute("DELETE FROM gate WHERE view=? AND project=?", where)
                    writer.executemany(_PUT_PAGE, [_page_row(page) for page in pages])
                    writer.executemany(_PUT_GATE, [_gate_row(gate) for gate in gates])
                writer.execute(_PUT_EDITION, astuple(edition))
        return current

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """One transaction of our own writer."""
        if not self._writing.acquire(BUSY_SECONDS):
            raise Unavailable("The database", "other writers held it for too long")
        try:
            writer = self._writer = self._writer or self._connect()
            try:
                writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise Unavailable("The database", str(error)) from error
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                writer.execute("ROLLBACK")
                raise
        finally:
            self._writing.release()

    def forget(self, names: Collection[str]) -> None:
        """Nothing to do: every read asks the database whether anybody has committed."""

    def close(self) -> None:
        """Close both connections."""
        with self._guard:
            self._reader.close()
            if self._writer is not None:
                self._writer.close()

    def _catch_up(self) -> None:
        version = self._reader.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        rows = self._reader.execute("SELECT name, serial FROM changed WHERE serial > ?", (self._serial,)).fetchall()
        self._copy.drop(name for name, _ in rows)
        self._serial = max((serial for _, serial in rows), default=self._serial)
        # If another commit came between the two statements, the next call sees a newer version and looks again.
        self._version = version

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        # Pages can be rendered again: a power cut may take the last of them, and no deed waits for the disk twice.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA mmap_size=268435456")
        return connection


def _page_row(page: Page) -> tuple[str | int | bytes, ...]:
    return (page.name, page.format, page.serial, page.etag, page.body, page.gzip, page.view, page.epoch, page.edition)


def _gate_row(gate: Gate) -> tuple[str | int, ...]:
    return (
        gate.filename, gate.project, gate.digest, gate.size_bytes, gate.verdict, gate.reason, gate.metadata_digest,
        gate.metadata_size_bytes, gate.view, gate.until, gate.edition, gate.version, gate.action,
        gate.rule, gate.nearest, gate.origin,
    )  # fmt: skip
