"""What a mirror follows: the changes to listed files, in the words of PyPI's own journal where it has one.

Exactly the events that void a project's pages are told, so the serial of a page is the serial of its last entry here,
and a mirror that waits for a page of some serial never waits in vain. Projects that are private now never appear,
whatever they were before; a deleted one does, so that mirrors hear of its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import project
from customhouse.infra.db import Database
from customhouse.infra.tables import changed
from customhouse.ledger.tables import ledger_event

BATCH = 1000
MAX_ROWS = 50_000

ACTIONS: Mapping[str, str] = {
    "project-created": "create",
    "release-created": "new release",
    "file-uploaded": "add {python} file {filename}",
    "yanked": "yank {what}",
    "unyanked": "unyank {what}",
    "deleted": "remove {what}",
    "restored": "restore {what}",
    "erased": "erase {what}",
    "deleted-files-ended": "end deleted files",
    "status-changed": "project {status}",
    "critical-marked": "change critical mark",
    "project-visibility-changed": "project {visibility}",
    "project-transferred": "change holder",
    "project-namespace-changed": "change namespace",
    "project-quarantined": "project quarantined",
    "quarantine-lifted": "project quarantine cleared",
    "archived-by-verdict": "project archived",
    "release-quarantined": "quarantine release",
    "release-quarantine-lifted": "clear quarantine of release",
    "disclosure-published": "publish advisory",
    "release-amended": "amend release",
    "amendment-withdrawn": "withdraw amendment",
}
"""What each kind of event is called. An event that voids pages and is not here would be missed by mirrors."""

# By serial and nothing else: a planner that knows no better takes the index of kinds, and sorts the whole ledger.
_SINCE = (
    sa.select(
        ledger_event.c.serial, ledger_event.c.at, ledger_event.c.kind, ledger_event.c.body, ledger_event.c.project
    )
    .where(ledger_event.c.serial > sa.bindparam("serial"))
    .order_by(ledger_event.c.serial)
    .limit(BATCH)
)
_PUBLIC = project.c.visibility == "public"
_NAMES = sa.select(project.c.normalized, project.c.display).where(
    project.c.normalized.in_(sa.bindparam("names", expanding=True)), _PUBLIC
)
_CHANGED = sa.select(project.c.display, changed.c.serial).join(changed, changed.c.name == project.c.normalized)
_WITH_SERIAL = _CHANGED.where(_PUBLIC, project.c.deleted_at.is_(None)).order_by(project.c.normalized)
_LAST = _CHANGED.with_only_columns(sa.func.max(changed.c.serial), maintain_column_froms=True).where(_PUBLIC)


class Change(NamedTuple):
    """One line, in the order in which PyPI gives its parts. ``at`` counts seconds since 1970."""

    name: str
    version: str | None
    at: int
    action: str
    serial: int


def last_serial(sql: Connection) -> int:
    """The serial of the newest change; 0 if there is none."""
    return sql.execute(_LAST).scalar() or 0


def projects_with_serial(sql: Connection) -> dict[str, int]:
    """Every listed project as it is spelled, with the serial of its last change."""
    return {row.display: row.serial for row in sql.execute(_WITH_SERIAL)}


def changes_since(database: Database, serial: int) -> Iterator[Change]:
    """The changes after a serial, in order, at most 50,000.

    Read in batches, each in a transaction of its own, so that a slow client holds nothing. Serials appear in the order
    of commits, so none is missed between two batches.
    """
    return islice(_changes(database, serial), MAX_ROWS)


def _changes(database: Database, serial: int) -> Iterator[Change]:
    while True:
        with database.read() as sql:
            rows = sql.execute(_SINCE, {"serial": serial}).all()
            told = [row for row in rows if row.kind in ACTIONS and row.project is not None]
            names = sql.execute(_NAMES, {"names": sorted({row.project for row in told})}).all() if told else ()
        spelled = {row.normalized: row.display for row in names}
        yield from (_change(row, spelled[row.project]) for row in told if row.project in spelled)
        if len(rows) < BATCH:
            return
        serial = rows[-1].serial


def _change(row: Any, display: str) -> Change:
    body = json.loads(row.body)
    version, filename = body.get("version", ""), body.get("filename", "")
    action = ACTIONS[row.kind].format(
        filename=filename,
        python=_python_of(filename),
        what=f"file {filename}" if filename else "release" if version else "project",
        status=body.get("status", ""),
        visibility=body.get("visibility", ""),
    )
    return Change(display, version or None, int(row.at.timestamp()), action, row.serial)


def _python_of(filename: str) -> str:
    """The Python tag of a wheel, or ``source``."""
    return filename[: -len(".whl")].rsplit("-", 3)[1] if filename.endswith(".whl") else "source"
