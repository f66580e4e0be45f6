"""Writes a snapshot: always a new file beside the old one, whole on the disk before it takes the old one's name.

So readers see the old state or the new one, a crash leaves a file that nobody reads, and two processes that update at
once wait for each other (`one_at_a_time`) and never for readers.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from customhouse.consume.snapshot.compact import write_entry
from customhouse.consume.snapshot.layout import APPLICATION, FORMAT, INTERPRETER, LIBRARIES, TABLES, Unread
from customhouse.consume.snapshot.sources import write_document
from customhouse.formats.bundled.advisories import library_ranges
from customhouse.formats.osv.cpython import is_on_cpython
from customhouse.formats.osv.model import PYPI, Record
from customhouse.formats.osv.severity import Score, score_of
from customhouse.formats.osv.times import write_time
from customhouse.infra.sync_folder import sync_folder


class Builder:
    """Puts records into a file that nobody reads yet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def put(self, record: Record | Unread, origin: str) -> None:
        """Add a record, or replace the one that has its id; ``origin`` is the source it comes from."""
        if isinstance(record, Unread):
            self._sql.execute(
                "REPLACE INTO unread VALUES (?, ?, ?, ?)",
                (origin, record.where, record.why[:500], " ".join(record.packages)),
            )
            return
        self.remove(record.id)
        score = score_of(record)
        self._sql.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.id, origin, write_time(record.modified), record.withdrawn is not None, int(score.level),
                score.base, score.vector, zlib.compress(write_document(record), 6),
            ),
        )  # fmt: skip
        if record.withdrawn is None:
            self._sql.executemany("INSERT INTO affected VALUES (?, ?, ?, ?)", _rows(record, score))
        self._sql.executemany("INSERT INTO alias VALUES (?, ?)", [(alias, record.id) for alias in record.aliases])

    def remove(self, record_id: str) -> None:
        """Forget a record and what was unread under its name."""
        for statement in (
            "DELETE FROM record WHERE id = ?",
            "DELETE FROM affected WHERE id = ?",
            "DELETE FROM alias WHERE id = ?",
        ):
            self._sql.execute(statement, (record_id,))
        self._sql.execute("DELETE FROM unread WHERE place IN (?, ?)", (record_id, f"{record_id}.json"))

    def exploited(self, rows: Iterable[tuple[str, str]]) -> None:
        """Replace the catalogue of known exploited vulnerabilities: CVE and the day it was added."""
        self._sql.execute("DELETE FROM exploited")
        self._sql.executemany("REPLACE INTO exploited VALUES (?, ?)", rows)

    def likelihood(self, rows: Iterable[tuple[str, float, float | None, str]]) -> None:
        """Replace the probabilities: CVE, EPSS score, percentile, day."""
        self._sql.execute("DELETE FROM likelihood")
        self._sql.executemany("REPLACE INTO likelihood VALUES (?, ?, ?, ?)", rows)

    def note(self, values: Mapping[str, str]) -> None:
        """Remember where it comes from and when."""
        self._sql.executemany("REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def clear(self, origin: str) -> None:
        """Forget everything that came from a source."""
        for (one,) in self._sql.execute("SELECT id FROM record WHERE origin = ?", (origin,)).fetchall():
            self.remove(one)
        self._sql.execute("DELETE FROM unread WHERE origin = ?", (origin,))

    def known(self, origin: str) -> dict[str, str]:
        """When each record was changed that came from a source."""
        return dict(self._sql.execute("SELECT id, modified FROM record WHERE origin = ?", (origin,)).fetchall())

    def ids(self) -> set[str]:
        """The ids of all records."""
        return {name for (name,) in self._sql.execute("SELECT id FROM record").fetchall()}

    def unread_ids(self, origin: str) -> set[str]:
        """The ids under which a source has offered what could not be read, as far as its files are called by them."""
        rows = self._sql.execute("SELECT place FROM unread WHERE origin = ?", (origin,)).fetchall()
        return {place.partition(".json")[0] for (place,) in rows}

    def names(self) -> set[str]:
        """Every id and alias."""
        rows = self._sql.execute("SELECT id FROM record UNION SELECT alias FROM alias").fetchall()
        return {name for (name,) in rows}

    def meta(self, key: str) -> str:
        """What was noted; empty if nothing was."""
        row = self._sql.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else ""


def _rows(record: Record, score: Score) -> Iterator[tuple[str, str, str, str]]:
    """What is looked up: packages of PyPI, the interpreter, bundled libraries. Nobody asks for other ecosystems."""
    for name in record.packages():
        yield PYPI, name, record.id, write_entry(record, name, PYPI, score)
    if is_on_cpython(record):
        yield "", INTERPRETER, record.id, write_entry(record, "", "", score)
        return
    for name in dict.fromkeys(one.library.lower() for one in library_ranges(record)):
        yield LIBRARIES, name, record.id, write_entry(record, "", "", score)


def write_snapshot(path: Path, fill: Callable[[Builder], None], *, grow_from: Path | None = None) -> None:
    """Build a snapshot at a path, from nothing or from an older one, and let it take the path's name when it is whole.

    Call it under `one_at_a_time`. The time of the newest record and the number of records are noted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    try:
        if grow_from is not None:
            draft.write_bytes(grow_from.read_bytes())
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            # Nobody reads the draft, and a broken one is thrown away: it needs no journal.
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            if grow_from is None:
                connection.executescript(f"PRAGMA application_id = {APPLICATION};" + TABLES)
            connection.execute("BEGIN")
            builder = Builder(connection)
            fill(builder)
            newest, count = connection.execute("SELECT coalesce(max(modified), ''), count(*) FROM record").fetchone()
            builder.note({"format": str(FORMAT), "newest": newest, "records": str(count)})
            connection.execute("COMMIT")
            if grow_from is None:
                connection.execute("VACUUM")
        finally:
            connection.close()
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """One process builds at a time; the kernel lets go of the lock when its holder dies. Old drafts are removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left in path.parent.glob(f".{path.name}.*.draft"):
            left.unlink(missing_ok=True)
        yield
