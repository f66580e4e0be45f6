"""All records in one archive and in one list, as OSV.dev publishes them: made once for each state of the store.

Mirrors take ``all.zip`` once and then look into ``modified_id.csv`` for what is new. A state is named by the ledger's
hash at the last change, so that a database that was put back from a backup is never taken for another.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories import queries
from customhouse.advisories.tables import advisory, advisory_package
from customhouse.formats.osv.handing import handed_on, write
from customhouse.formats.osv.model import PYPI
from customhouse.formats.osv.times import write_time
from customhouse.infra.db import Database
from customhouse.ledger.tables import ledger_event

KEPT = 2
"""So many archives stay: one may be on its way to somebody while the next is made."""
_NO_TIME = (1980, 1, 1, 0, 0, 0)

_HASH = sa.select(ledger_event.c.hash).where(ledger_event.c.serial == sa.bindparam("serial"))
# Those of PyPI, and those that name no package at all: PSF's speak of the interpreter.
_LISTED = (
    sa.select(advisory.c.id, advisory.c.modified)
    .where(
        sa.or_(
            sa.exists().where(advisory_package.c.advisory_id == advisory.c.id, advisory_package.c.ecosystem == PYPI),
            ~sa.exists().where(advisory_package.c.advisory_id == advisory.c.id, advisory_package.c.ecosystem != "GIT"),
        )
    )
    .order_by(advisory.c.modified.desc(), advisory.c.id)
)


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is ready to be sent."""

    path: Path
    digest: str
    """SHA-256, hexadecimal."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The list, ready to be sent."""

    body: bytes
    digest: str


def lists(document: Mapping[str, Any]) -> bool:
    """Whether a record stands in the archive: it names a PyPI package, or no package at all."""
    packages = [one["package"] for one in document.get("affected") or () if one.get("package")]
    return not packages or any(one.get("ecosystem") == PYPI for one in packages)


class Archive:
    """The archive and the list of one installation; safe to use from several threads and processes."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._guard = threading.Lock()
        self._listing: tuple[str, Listing] | None = None

    def whole(self) -> Made:
        """The archive of what is known now; made if need be, which takes seconds for tens of thousands of records."""
        with self._guard:
            state = self._state()
            found = self._find(state)
            return found or self._make(state)

    def listing(self) -> Listing:
        """``TIME,ID`` of each record, what was modified last first."""
        with self._guard:
            state = self._state()
            if self._listing is None or self._listing[0] != state:
                with self._database.read() as sql:
                    body = _lines(sql)
                self._listing = state, Listing(body, hashlib.sha256(body).hexdigest())
            return self._listing[1]

    def _state(self) -> str:
        with self._database.read() as sql:
            serial = queries.last_change(sql)
            mark = sql.execute(_HASH, {"serial": serial}).scalar() or "none"
        return f"{serial}-{mark[:16]}"

    def _find(self, state: str) -> Made | None:
        for path in self._folder.glob(f"{state}-*.zip"):
            return Made(path, path.stem.rpartition("-")[2], path.stat().st_size)
        return None

    def _make(self, state: str) -> Made:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._folder / f"new-{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, body in self._members():
                    archive.writestr(zipfile.ZipInfo(name, _NO_TIME), body, zipfile.ZIP_DEFLATED)
            digest = _digest(new)
            path = self._folder / f"{state}-{digest}.zip"
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        self._tidy()
        return Made(path, digest, path.stat().st_size)

    def _members(self) -> Iterator[tuple[str, bytes]]:
        for stored in queries.every(self._database):
            document = json.loads(stored.document)
            if lists(document):
                yield f"{stored.id}.json", write(handed_on(document))

    def _tidy(self) -> None:
        """Remove what nobody asks for any more, and what a process that died has left."""
        for pattern in ("*-*-*.zip", "new-*"):
            there = sorted(self._folder.glob(pattern), key=_age, reverse=True)
            for path in there[KEPT:]:
                path.unlink(missing_ok=True)


def _lines(sql: Connection) -> bytes:
    return b"".join(f"{write_time(row.modified)},{row.id}\n".encode() for row in sql.execute(_LISTED))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # another process has removed it
