"""Reads a snapshot: one look-up by name is one read of the primary key, of a row that is ready to be compared."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from customhouse.consume.snapshot.compact import Entry, read_entry
from customhouse.consume.snapshot.layout import APPLICATION, FORMAT, Unread
from customhouse.formats.osv.severity import UNSCORED, Level, Score, highest
from customhouse.terms.errors import Rejected

_HEADER_BYTES = 100
NEXT_STEP = "delete it and run `customhouse audit` once without --offline, or build it with --advisories"


class Snapshot:
    """All advisories of one moment, on this machine."""

    def __init__(self, path: Path) -> None:
        """Raises `Rejected` if there is no whole snapshot at the path."""
        self.path = path
        _must_be_whole(path)
        # A snapshot is never changed in place, so nobody needs a lock to read it.
        self._sql = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)
        try:
            self.meta: Mapping[str, str] = dict(self._sql.execute("SELECT key, value FROM meta").fetchall())
        except sqlite3.DatabaseError as error:
            raise _damaged(path, str(error)) from error
        if self.meta.get("format") != str(FORMAT):
            raise _damaged(path, f"it has format {self.meta.get('format', 'none')} and not {FORMAT}")

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    @property
    def newest(self) -> str:
        """The time of the newest record."""
        return self.meta.get("newest", "")

    @property
    def records(self) -> int:
        """How many records there are."""
        return int(self.meta.get("records", "0"))

    @property
    def sources(self) -> tuple[str, ...]:
        """Where it was built from."""
        return tuple(json.loads(self.meta.get("sources", "[]")))

    def entries(self, name: str, ecosystem: str = "PyPI") -> list[Entry]:
        """What is known of a package; ``name`` is normalised."""
        rows = self._ask("SELECT entry FROM affected WHERE ecosystem = ? AND name = ?", (ecosystem, name))
        try:
            return [read_entry(entry) for (entry,) in rows]
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(self.path, f"what it says of {name} cannot be read: {error}") from error

    def knows(self, ecosystem: str) -> bool:
        """Whether any record is on something of an ecosystem."""
        return bool(self._ask("SELECT 1 FROM affected WHERE ecosystem = ? LIMIT 1", (ecosystem,)))

    def knows_alone(self, name: str, ecosystem: str) -> bool:
        """Whether a record is on this alone. One on a package may name in passing what the package was taken from."""
        of_packages = "SELECT id FROM affected WHERE ecosystem = 'PyPI'"
        asked = f"SELECT 1 FROM affected WHERE ecosystem = ? AND name = ? AND id NOT IN ({of_packages}) LIMIT 1"  # noqa: S608
        return bool(self._ask(asked, (ecosystem, name)))

    def whole(self, record_id: str) -> dict[str, Any] | None:
        """The record as it was published."""
        rows = self._ask("SELECT body FROM record WHERE id = ?", (record_id,))
        try:
            return json.loads(zlib.decompress(rows[0][0])) if rows else None
        except (zlib.error, ValueError, TypeError) as error:
            raise _damaged(self.path, f"{record_id} cannot be read: {error}") from error

    def score(self, names: Iterable[str]) -> Score:
        """The worst score of the records that go by these names, or that give one of them as an alias."""
        found = []
        for name in names:
            found += self._ask(
                "SELECT level, base, vector FROM record WHERE NOT withdrawn AND (id = ?1 OR id IN "
                "(SELECT id FROM alias WHERE alias = ?1))",
                (name,),
            )
        try:
            return highest(Score(Level(level), base, vector) for level, base, vector in found) if found else UNSCORED
        except ValueError as error:
            raise _damaged(self.path, str(error)) from error

    def exploited(self, names: Iterable[str]) -> bool:
        """Whether one of these is in CISA's catalogue (KEV)."""
        return any(self._ask("SELECT 1 FROM exploited WHERE cve = ?", (one,)) for one in names)

    def likelihood(self, names: Iterable[str]) -> float | None:
        """The highest EPSS score of these."""
        rows = [row for one in names for row in self._ask("SELECT score FROM likelihood WHERE cve = ?", (one,))]
        return max((score for (score,) in rows), default=None)

    def unread(self) -> list[Unread]:
        """Records that could not be read when it was built."""
        rows = self._ask("SELECT place, why, packages FROM unread", ())
        return [Unread(place, why, tuple(packages.split())) for place, why, packages in rows]

    def _ask(self, statement: str, values: tuple[str, ...]) -> list[Any]:
        try:
            return self._sql.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error


def _must_be_whole(path: Path) -> None:
    """Compare the file with its own header: SQLite reads a file that was cut off until it meets the lack."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise Rejected(
            "no-snapshot", str(path), "there are no advisories on this machine yet",
            "--advisories with an address, a zip or a folder; or one run without --offline",
        ) from error  # fmt: skip
    except OSError as error:
        raise Rejected("bad-snapshot", str(path), f"it cannot be read: {error.strerror}", "a snapshot") from error
    if len(header) < _HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        raise _damaged(path, "it is no SQLite file")
    page_bytes = struct.unpack(">H", header[16:18])[0] or 1
    pages, application = struct.unpack(">I", header[28:32])[0], struct.unpack(">I", header[68:72])[0]
    if application != APPLICATION:
        raise _damaged(path, "it was not made by `customhouse audit`")
    if pages * (65536 if page_bytes == 1 else page_bytes) != size:
        raise _damaged(path, f"it is {size} bytes long and not {pages} pages of {page_bytes}")


def _damaged(path: Path, why: str) -> Rejected:
    return Rejected("bad-snapshot", str(path), f"this snapshot cannot be used: {why}", NEXT_STEP)
