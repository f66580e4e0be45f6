"""What a mirror follows: the changes to listed files, in the words of PyPI's own journal where it has one.

Only events that void a project's pages are told, so a page that carries the serial of an entry has always been rendered
after it. Projects that are private now never appear, whatever they were before; a deleted one does, so that mirrors
hear of its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import file, project
from customhouse.infra.tables import changed
from customhouse.ledger.tables import ledger_event

BATCH = 1000
MAX_ROWS = 50_000

UPLOADED = "file-uploaded"
ACTIONS: Mapping[str, str] = {
    "project-created": "create",
    UPLOADED: "add {python} file {filename}",
    "project-quarantined": "project quarantined",
    "quarantine-lifted": "project quarantine cleared",
    "archived-by-verdict": "archive project",
    "release-quarantined": "quarantine release",
    "release-quarantine-lifted": "clear quarantine of release",
}
"""What each kind of event is called. An event that voids pages and is not here would be missed by mirrors."""

_KINDS = ledger_event.c.kind.in_(sorted(ACTIONS))
_EVENTS = (
    sa.select(ledger_event.c.serial, ledger_event.c.at, ledger_event.c.kind, ledger_event.c.body, project.c.display)
    .join(project, project.c.normalized == ledger_event.c.project)
    .where(_KINDS, project.c.visibility == "public")
)
_SINCE = _EVENTS.where(ledger_event.c.serial > sa.bindparam("serial")).order_by(ledger_event.c.serial).limit(BATCH)
_LAST = _EVENTS.with_only_columns(ledger_event.c.serial).order_by(ledger_event.c.serial.desc()).limit(1)
_WITH_SERIAL = (
    sa.select(project.c.display, changed.c.serial)
    .join(changed, changed.c.name == project.c.normalized)
    .where(project.c.visibility == "public", project.c.deleted_at.is_(None))
    .order_by(project.c.normalized)
)
_OTHER = file.alias("other")
# The file that made its release: none of that release came before it.
_FIRST = sa.select(file.c.filename).where(
    file.c.filename.in_(sa.bindparam("filenames", expanding=True)),
    ~sa.exists().where(_OTHER.c.release_id == file.c.release_id, _OTHER.c.id < file.c.id),
)


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


def changes_since(sql: Connection, serial: int) -> Iterator[Change]:
    """The changes after a serial in order, at most 50,000 lines, never only a part of the lines of one serial."""
    told = 0
    while True:
        rows = sql.execute(_SINCE, {"serial": serial}).all()
        first = _first_of_releases(sql, rows)
        for row in rows:
            lines = list(_lines(row, first))
            told += len(lines)
            if told > MAX_ROWS:
                return
            yield from lines
        if len(rows) < BATCH:
            return
        serial = rows[-1].serial


def _first_of_releases(sql: Connection, rows: Sequence[Any]) -> set[str]:
    names = [json.loads(row.body)["filename"] for row in rows if row.kind == UPLOADED]
    return set(sql.execute(_FIRST, {"filenames": names}).scalars()) if names else set()


def _lines(row: Any, first: set[str]) -> Iterator[Change]:
    body = json.loads(row.body)
    version, at = body.get("version") or None, int(row.at.timestamp())
    filename = body.get("filename", "")
    if row.kind == UPLOADED and filename in first:
        yield Change(row.display, version, at, "new release", row.serial)
    action = ACTIONS[row.kind].format(filename=filename, python=_python_of(filename))
    yield Change(row.display, version, at, action, row.serial)


def _python_of(filename: str) -> str:
    """The Python tag of a wheel, or ``source``."""
    return filename[: -len(".whl")].rsplit("-", 3)[1] if filename.endswith(".whl") else "source"
