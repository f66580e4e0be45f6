"""Writing down what an upstream has said: rows, events and the time of the confirmation, in one transaction.

The first digest that an upstream gives for a file name stays for ever, and so does the first upload time: whoever takes
an upstream over can neither exchange bytes under a name nor make a new file look old. Nothing is ever deleted because
an upstream no longer lists it; it is marked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.formats.upstream.model import ListedFile, Listing
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.mirror.ask import Known, Page
from customhouse.mirror.events import (
    UpstreamChanged,
    UpstreamDigestChanged,
    UpstreamNameTaken,
    UpstreamProjectRemoved,
    UpstreamProjectReturned,
)
from customhouse.mirror.names import Names
from customhouse.mirror.tables import mirror_file, mirror_project, upstream_check
from customhouse.terms.identity import SYSTEM

MOST_TOLD = 20
"""Events about single files in one transaction; how many there were stands in another one."""
_C = mirror_file.c
_FILES = sa.select(mirror_file).where(_C.name == sa.bindparam("wanted"))
_INSERT = mirror_file.insert()
_UPDATE = mirror_file.update().where(_C.name == sa.bindparam("of_name"), _C.filename == sa.bindparam("of_file"))
_FIRST = ("sha256", "other_digest", "uploaded_at")
"""Columns whose first value stays."""
_SAID = (
    "version", "url", "size_bytes", "requires_python", "yanked", "yanked_reason", "has_metadata", "metadata_sha256",
    "provenance_url", "signals",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordPage:
    """An upstream has given a page of a project."""

    name: str
    upstream: str
    page: Page
    names: Names


@dataclass(frozen=True, slots=True)
class RecordAbsence:
    """An upstream that has a name answers that there is no such project."""

    name: str
    upstream: str


def record_page(command: RecordPage, tx: Tx) -> bool:
    """Write down what a page says; False if the name has become somebody else's meanwhile: then nothing is written."""
    name, now = command.name, tx.now()
    if not command.names.take(tx, name, command.upstream):
        return False
    listing = command.page.listing
    before = tx.sql.execute(
        sa.select(mirror_project).where(mirror_project.c.name == name).with_for_update()
    ).one_or_none()
    if before is None:
        tx.sql.execute(mirror_project.insert(), _new_project(command, now))
        _insert(tx.sql, name, listing.files, now)
        tx.record(UpstreamNameTaken(SYSTEM, name, command.upstream, files=len(listing.files)))
    else:
        counts, clashes = _compare(tx.sql, name, listing, now)
        status = listing.status if listing.status != before.status else ""
        said_otherwise = (
            status or listing.status_reason != before.status_reason or dict(listing.signals) != before.signals
        )
        changed = bool(counts or said_otherwise or before.removed_at is not None)
        tx.sql.execute(
            mirror_project.update()
            .where(mirror_project.c.name == name)
            .values(_said(command.page, now, changed=changed))
        )
        _tell(command, tx, counts, clashes, status, returned=before.removed_at is not None, changed=changed)
    confirm(tx.sql, name, now)
    return True


def record_absence(command: RecordAbsence, tx: Tx) -> None:
    """Mark a project that its upstream no longer has; its files stay, marked by the project."""
    now = tx.now()
    gone = tx.sql.execute(
        mirror_project.update()
        # Whoever has the name meanwhile may be somebody else: he has not said that it is gone.
        .where(
            mirror_project.c.name == command.name,
            mirror_project.c.upstream == command.upstream,
            mirror_project.c.removed_at.is_(None),
        )
        # The next page is read whatever it looks like.
        .values(removed_at=now, changed_at=now, etag="", last_modified="", page_digest="")
    ).rowcount
    if gone:
        tx.record(UpstreamProjectRemoved(SYSTEM, command.name, command.upstream))
    confirm(tx.sql, command.name, now)


def confirm(sql: Connection, name: str, now: datetime) -> None:
    """Note that the upstream was asked and what is here is what it says."""
    put_rows(sql, upstream_check, [{"name": name, "checked_at": int(now.timestamp())}])


def known_of(sql: Connection, name: str) -> tuple[Known, bool, datetime | None]:
    """The last page's validators, whether details are missing, and when they were last asked for."""
    c = mirror_project.c
    row = sql.execute(
        sa.select(c.etag, c.last_modified, c.page_digest, c.details_missing, c.details_at).where(c.name == name)
    ).one_or_none()
    if row is None:
        return Known(), False, None
    return Known(row.etag, row.last_modified, row.page_digest), row.details_missing, row.details_at


def _tell(
    command: RecordPage, tx: Tx, counts: Counter[str], clashes: list[UpstreamDigestChanged], status: str, *,
    returned: bool, changed: bool,
) -> None:  # fmt: skip
    if returned:
        tx.record(UpstreamProjectReturned(SYSTEM, command.name, command.upstream))
    if changed:
        tx.record(
            UpstreamChanged(
                SYSTEM, command.name, command.upstream, added=counts["added"], removed=counts["removed"],
                returned=counts["returned"], changed=counts["changed"], status=status,
            )
        )  # fmt: skip
    for clash in clashes[:MOST_TOLD]:
        tx.record(
            UpstreamDigestChanged(
                SYSTEM, command.name, command.upstream, filename=clash.filename, kept=clash.kept, refused=clash.refused
            )
        )


def _compare(
    sql: Connection, name: str, listing: Listing, now: datetime
) -> tuple[Counter[str], list[UpstreamDigestChanged]]:
    """Write what is new, other, gone or back; returns how many of each, and the files with another digest."""
    old = {row.filename: row for row in sql.execute(_FILES, {"wanted": name})}
    counts: Counter[str] = Counter()
    clashes: list[UpstreamDigestChanged] = []
    updates: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for file in listing.files:
        before = old.get(file.filename)
        if before is None:
            continue
        values, clash = _news(before, file)
        if clash is not None:
            clashes.append(UpstreamDigestChanged(SYSTEM, name, "", file.filename, clash[0], clash[1]))
        if before.removed_at is not None:
            values["removed_at"] = None
            counts["returned"] += 1
        elif values:
            counts["changed"] += 1
        if values:
            updates.setdefault(tuple(sorted(values)), []).append(
                {f"new_{key}": value for key, value in values.items()} | {"of_name": name, "of_file": file.filename}
            )
    new = [file for file in listing.files if file.filename not in old]
    _insert(sql, name, new, now)
    listed = {file.filename for file in listing.files}
    gone = [row.filename for row in old.values() if row.filename not in listed and row.removed_at is None]
    if gone:
        updates[("removed_at",)] = [*updates.get(("removed_at",), []), *(
            {"new_removed_at": now, "of_name": name, "of_file": filename} for filename in gone
        )]  # fmt: skip
    for columns, rows in updates.items():
        sql.execute(_UPDATE.values({key: sa.bindparam(f"new_{key}", type_=_C[key].type) for key in columns}), rows)
    counts += Counter(added=len(new), removed=len(gone))
    return +counts, clashes


def _news(before: sa.Row[Any], file: ListedFile) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """What is other than before; and if it is other bytes: the digest that stays, and the one that is refused."""
    clash = _clash(before, file)
    if clash is not None:
        # Nothing else is believed either of what is not the file that we know.
        new = {} if before.conflict == clash[1] else {"conflict": clash[1]}
        return new, clash if new else None
    found: dict[str, Any] = {"conflict": ""} if before.conflict else {}
    for column in _SAID:
        value = getattr(file, column)
        if value != getattr(before, column):
            found[column] = value
    for column in _FIRST:
        value = getattr(file, column)
        if value and not getattr(before, column):
            found[column] = value
    return found, None


def _clash(before: sa.Row[Any], file: ListedFile) -> tuple[str, str] | None:
    if before.sha256 and file.sha256:
        return (before.sha256, file.sha256) if before.sha256 != file.sha256 else None
    if before.other_digest.partition("=")[0] == file.other_digest.partition("=")[0] != "":
        return (before.other_digest, file.other_digest) if before.other_digest != file.other_digest else None
    return None


def _insert(sql: Connection, name: str, files: tuple[ListedFile, ...] | list[ListedFile], now: datetime) -> None:
    if not files:
        return
    rows = [
        {column: getattr(file, column) for column in (*_SAID, *_FIRST)}
        | {"name": name, "filename": file.filename, "first_seen_at": now, "removed_at": None, "conflict": ""}
        for file in files
    ]
    sql.execute(_INSERT, rows)


def _new_project(command: RecordPage, now: datetime) -> Mapping[str, Any]:
    return {"name": command.name, "upstream": command.upstream, "first_seen_at": now} | _said(
        command.page, now, changed=True
    )


def _said(page: Page, now: datetime, *, changed: bool) -> dict[str, Any]:
    listing, known = page.listing, page.known
    return {
        "removed_at": None, "status": listing.status, "status_reason": listing.status_reason,
        "versions": list(listing.versions), "signals": dict(listing.signals), "skipped": dict(listing.skipped),
        "etag": known.etag, "last_modified": known.last_modified, "page_digest": known.page_digest,
        "details_at": now, "details_missing": page.details_missing,
    } | ({"changed_at": now} if changed else {})  # fmt: skip
