"""The rows of files that are here, or were: read by whoever offers them, written by whoever has fetched them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.formats.bundled.model import BundledLibrary, BundledScan
from customhouse.infra.db import insert_new
from customhouse.mirror.model import Inspected
from customhouse.mirror.object_tables import mirrored_library, mirrored_object

USED_EVERY = timedelta(days=1)
"""A file's last use is noted no more often."""
LONGEST_REASON = 1000

_C = mirrored_object.c
_OF_FILE = sa.select(mirrored_object).where(
    _C.upstream == sa.bindparam("upstream"), _C.filename == sa.bindparam("filename")
)
_OF_PROJECT = sa.select(mirrored_object).where(
    _C.upstream == sa.bindparam("upstream"), _C.project == sa.bindparam("project")
)
# Made once: building a statement costs more than running it.
_OF_ROW = mirrored_object.update().where(
    _C.upstream == sa.bindparam("of_upstream"), _C.filename == sa.bindparam("of_filename")
)


def _setting(*columns: str) -> sa.Update:
    """A change of these columns of one row; their values are given as ``new_COLUMN``."""
    return _OF_ROW.values({one: sa.bindparam(f"new_{one}", type_=_C[one].type) for one in columns})


_STORE = _setting("digest", "size_bytes", "stored", "fetched_at", "used_at")
_PIN = _setting("pinned_by").where(_C.pinned_by == "")
_SERVE_METADATA = _setting("metadata_digest", "metadata_size_bytes", "metadata_from").where(_C.metadata_digest == "")
_EXAMINED = _setting(
    "examined_at", "refusal", "refusal_code", "signals", "requires", "licence", "metadata_digest",
    "metadata_size_bytes", "metadata_from", "tables_version", "scan_notes",
)  # fmt: skip
_DROP_LIBRARIES = mirrored_library.delete().where(
    mirrored_library.c.upstream == sa.bindparam("of_upstream"),
    mirrored_library.c.filename == sa.bindparam("of_filename"),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One row."""

    upstream: str
    filename: str
    project: str
    version: str
    digest: str = ""
    """SHA-256, for ever; empty if it was never here whole."""
    size_bytes: int = 0
    stored: bool = False
    pinned_by: str = ""
    used_at: datetime | None = None
    examined_at: datetime | None = None
    refusal: str = ""
    refusal_code: str = ""
    signals: Sequence[Mapping[str, Any]] = ()
    metadata_digest: str = ""
    metadata_size_bytes: int = 0
    metadata_from: str = ""
    requires: Sequence[str] = ()
    licence: str = ""

    @property
    def inspected(self) -> Inspected | None:
        """What was found in it; None if nobody has looked into it."""
        if self.examined_at is None:
            return None
        return Inspected(
            digest=self.digest if self.stored else "",
            size_bytes=self.size_bytes,
            refusal=self.refusal,
            signals={"signals": list(self.signals)} if self.signals else {},
            metadata_digest=self.metadata_digest,
            metadata_size_bytes=self.metadata_size_bytes,
            requires=tuple(self.requires),
            licence=self.licence,
        )


_FIELDS = tuple(Kept.__dataclass_fields__)


def find_kept(sql: Connection, upstream: str, filename: str) -> Kept | None:
    """The row of one file."""
    row = sql.execute(_OF_FILE, {"upstream": upstream, "filename": filename}).one_or_none()
    return None if row is None else _kept(row)


def kept_of_project(sql: Connection, upstream: str, project: str) -> dict[str, Kept]:
    """Every row of a project, by file name: one read for a whole page."""
    rows = sql.execute(_OF_PROJECT, {"upstream": upstream, "project": project})
    return {row.filename: _kept(row) for row in rows}


def needed_digests(sql: Connection, digests: Collection[str]) -> set[str]:
    """Which of these objects a file of an upstream needs: its bytes as long as they are kept, its metadata always."""
    found = set(sql.execute(sa.select(_C.digest).where(_C.digest.in_(digests), _C.stored)).scalars())
    return found | set(sql.execute(sa.select(_C.metadata_digest).where(_C.metadata_digest.in_(digests))).scalars())


def note_whole(sql: Connection, row: Kept, now: datetime) -> Kept:
    """Write that a file is here; the caller has put its bytes and looked at the marks of sweeps.

    Returns the row as it is then. Its digest never changes: the caller has compared.
    """
    _make(sql, row, now)
    changes: dict[str, Any] = {
        "digest": row.digest, "size_bytes": row.size_bytes, "stored": True, "fetched_at": now, "used_at": now,
    }  # fmt: skip
    _set(sql, _STORE, row, changes)
    _set(sql, _PIN, row, {"pinned_by": row.pinned_by})
    return find_kept(sql, row.upstream, row.filename) or row


def note_metadata(sql: Connection, row: Kept, now: datetime) -> None:
    """Write which metadata is served beside a file; the caller has put it. What is served already stays."""
    _make(sql, row, now)
    said = {
        "metadata_digest": row.metadata_digest, "metadata_size_bytes": row.metadata_size_bytes,
        "metadata_from": row.metadata_from,
    }  # fmt: skip
    _set(sql, _SERVE_METADATA, row, said)


def note_examined(sql: Connection, row: Kept, scan: BundledScan, now: datetime) -> Kept:
    """Write what was found in a file, and which libraries it bundles; what was known before is replaced."""
    values: dict[str, Any] = {
        "examined_at": now, "refusal": row.refusal[:LONGEST_REASON], "refusal_code": row.refusal_code,
        "signals": [dict(one) for one in row.signals], "requires": list(row.requires), "licence": row.licence,
        "metadata_digest": row.metadata_digest, "metadata_size_bytes": row.metadata_size_bytes,
        "metadata_from": row.metadata_from, "tables_version": scan.tables_version, "scan_notes": list(scan.notes),
    }  # fmt: skip
    _set(sql, _EXAMINED, row, values)
    sql.execute(_DROP_LIBRARIES, {"of_upstream": row.upstream, "of_filename": row.filename})
    if scan.libraries:
        sql.execute(mirrored_library.insert(), [_library_row(row, one) for one in scan.libraries])
    return replace(row, examined_at=now)


def note_used(sql: Connection, upstream: str, filename: str, now: datetime) -> None:
    """Note that somebody was given the file, at most once a day."""
    sql.execute(
        mirrored_object.update()
        .where(_C.upstream == upstream, _C.filename == filename, _C.used_at < now - USED_EVERY)
        .values(used_at=now)
    )


def note_files_used(sql: Connection, filenames: Sequence[str], now: datetime) -> None:
    """The same for several files by their names alone, whatever upstream they are of."""
    sql.execute(
        mirrored_object.update().where(_C.filename.in_(filenames), _C.used_at < now - USED_EVERY).values(used_at=now)
    )


def unexamined(sql: Connection, most: int) -> list[Kept]:
    """Files that are here and that nobody has looked into: whoever fetched them has died since."""
    rows = sql.execute(
        sa.select(mirrored_object)
        .where(_C.examined_at.is_(None), _C.stored)
        .order_by(_C.upstream, _C.filename)
        .limit(most)
    )
    return [_kept(row) for row in rows]


def unused_since(sql: Connection, before: datetime, most: int) -> list[Kept]:
    """Files that are here and that nobody has fetched since a moment; least recently used first."""
    rows = sql.execute(
        sa.select(mirrored_object).where(_C.stored, _C.used_at < before).order_by(_C.used_at, _C.filename).limit(most)
    )
    return [_kept(row) for row in rows]


def stored_bytes(sql: Connection) -> int:
    """How much all files of upstreams take."""
    return int(sql.execute(sa.select(sa.func.coalesce(sa.func.sum(_C.size_bytes), 0)).where(_C.stored)).scalar_one())


def forget_bytes(sql: Connection, row: Kept) -> None:
    """Write that a file's bytes are not here any more. All that was found out stays, its digest first of all."""
    _set(sql, _setting("stored"), row, {"stored": False})


def _make(sql: Connection, row: Kept, now: datetime) -> None:
    insert_new(
        sql, mirrored_object, upstream=row.upstream, filename=row.filename, project=row.project, version=row.version,
        digest="", size_bytes=0, stored=False, pinned_by="", fetched_at=None, used_at=now, examined_at=None,
        refusal="", refusal_code="", signals=[], metadata_digest="", metadata_size_bytes=0, metadata_from="",
        requires=[], licence="", tables_version=0, scan_notes=[],
    )  # fmt: skip


def _set(sql: Connection, statement: sa.Update, row: Kept, values: Mapping[str, Any]) -> None:
    new = {f"new_{column}": value for column, value in values.items()}
    sql.execute(statement, {**new, "of_upstream": row.upstream, "of_filename": row.filename})


def _library_row(row: Kept, one: BundledLibrary) -> dict[str, object]:
    return {
        "upstream": row.upstream, "filename": row.filename, "key": one.name.lower()[:200], "library": one.name[:200],
        "version": one.version, "member": one.file, "evidence": one.to_dict()["evidence"], "purl": one.purl,
        "cpe": one.cpe,
    }  # fmt: skip


def _kept(row: Any) -> Kept:
    return Kept(*(getattr(row, name) for name in _FIELDS))
