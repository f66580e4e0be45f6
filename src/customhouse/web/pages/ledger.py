"""The pages of the ledger: who did what and when, in words and as it was hashed; and the ledger as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from starlette.responses import Response, StreamingResponse

from customhouse.catalog import visible_ledger
from customhouse.ledger.chain import Entry
from customhouse.ledger.export import to_line
from customhouse.ledger.public import EVERYBODY, OPERATOR, Reader, Sealed, sentence, who
from customhouse.terms.errors import Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

PAGE_SIZE = 50
MAX_SERIAL = 2**63 - 1
LINES = "application/x-ndjson; charset=utf-8"


@dataclass(frozen=True, slots=True)
class EventRow:
    """One entry that may be read."""

    serial: int
    at: datetime
    who: str
    what: str
    reason: str
    project: str | None
    kind: str
    raw: str
    hash: str


@dataclass(frozen=True, slots=True)
class SealedRows:
    """Neighbouring entries that may not be read, newest first."""

    entries: Sequence[Sealed]


def ledger_doors() -> list[Door]:
    """The doors of the ledger. They must come before those of a project's versions."""
    return [
        door("GET", "/ledger/", whole_ledger, Permission.PUBLIC_READ),
        door("GET", "/ledger.jsonl", whole_export, Permission.PUBLIC_READ),
        door("GET", "/admin/ledger/", operators_ledger, Permission.LEDGER_READ_ALL),
        door("GET", "/admin/ledger.jsonl", operators_export, Permission.LEDGER_READ_ALL),
        door("GET", "/project/{name}/ledger/", project_ledger, Permission.PROJECT_READ),
        door("GET", "/project/{name}/ledger.jsonl", project_export, Permission.PROJECT_READ),
    ]


def whole_ledger(visit: Visit) -> Response:
    """Everything that happened here, as everybody may see it."""
    return _whole_page(visit, EVERYBODY, "/ledger")


def operators_ledger(visit: Visit) -> Response:
    """Everything that happened here."""
    return _whole_page(visit, OPERATOR, "/admin/ledger")


def project_ledger(visit: Visit) -> Response:
    """What happened to a project: for its owners whole, for other readers its public part."""
    found, before = visit.this_project, _serial(visit, "before", MAX_SERIAL)
    with visit.app.database.read() as sql:
        entries = visible_ledger.newest_of_project(
            sql, _reader(visit), found.normalized, before=before, limit=PAGE_SIZE + 1
        )
    shown = entries[:PAGE_SIZE]
    return visit.page(
        "ledger.html",
        kept=found.public,
        address=f"/project/{found.normalized}/ledger",
        project=found,
        rows=[_event_row(entry) for entry in shown],
        older=shown[-1].serial if len(entries) > PAGE_SIZE else None,
        newer=before != MAX_SERIAL,
        whole=_reader(visit) != EVERYBODY,
    )


def whole_export(visit: Visit) -> Response:
    """The ledger as lines, sealed where not everybody may read it."""
    return _lines(visible_ledger.export(visit.app.database, EVERYBODY, **_range(visit)), "public, max-age=0")


def operators_export(visit: Visit) -> Response:
    """The ledger as lines, whole."""
    return _lines(visible_ledger.export(visit.app.database, OPERATOR, **_range(visit)), "private, no-store")


def project_export(visit: Visit) -> Response:
    """A project's entries as lines."""
    name = visit.this_project.normalized
    lines = visible_ledger.export_of_project(visit.app.database, _reader(visit), name, **_range(visit))
    public = visit.this_project.public and visit.user is None
    return _lines(lines, "public, max-age=0" if public else "private, no-store")


def _reader(visit: Visit) -> Reader:
    """What somebody who may read the project may see of its ledger."""
    if visit.actor.operator:
        return OPERATOR
    name = visit.this_project.normalized
    owns = [name] if visit.standing.role == "owner" else []
    return Reader(reads=[] if visit.this_project.public else [name], owns=owns)


def _whole_page(visit: Visit, reader: Reader, address: str) -> Response:
    before = _serial(visit, "before", MAX_SERIAL)
    with visit.app.database.read() as sql:
        entries = visible_ledger.newest(sql, reader, before=before, limit=PAGE_SIZE + 1)
    shown = entries[:PAGE_SIZE]
    return visit.page(
        "ledger.html",
        kept=reader == EVERYBODY,
        address=address,
        project=None,
        rows=_rows(shown),
        older=shown[-1].serial if len(entries) > PAGE_SIZE else None,
        newer=before != MAX_SERIAL,
        whole=reader == OPERATOR,
    )


def _rows(entries: Iterable[Entry | Sealed]) -> list[EventRow | SealedRows]:
    rows: list[EventRow | SealedRows] = []
    for sealed, run in groupby(entries, key=lambda entry: isinstance(entry, Sealed)):
        if sealed:
            rows.append(SealedRows([entry for entry in run if isinstance(entry, Sealed)]))
        else:
            rows += [_event_row(entry) for entry in run if isinstance(entry, Entry)]
    return rows


def _event_row(entry: Entry) -> EventRow:
    reason = json.loads(entry.body).get("reason")
    return EventRow(
        entry.serial,
        entry.at,
        who(entry),
        sentence(entry),
        reason if isinstance(reason, str) else "",
        entry.project,
        entry.kind,
        json.dumps(json.loads(to_line(entry)), indent=2, ensure_ascii=False),
        entry.hash,
    )


def _range(visit: Visit) -> dict[str, int]:
    """``after`` and ``limit`` of an export."""
    found = {"after": _serial(visit, "after", 0)}
    if "limit" in visit.query:
        found["limit"] = _serial(visit, "limit", 0)
    return found


def _serial(visit: Visit, name: str, default: int) -> int:
    text = visit.query.get(name)
    if text is None:
        return default
    number = number_of(text)
    if number is None:
        raise Rejected("bad-number", name, f"{text[:40]!r} is no number", "a whole number that is not negative")
    return number


def _lines(entries: Iterable[Entry | Sealed], cache: str) -> Response:
    headers = {"cache-control": cache, "x-content-type-options": "nosniff", "vary": "Cookie"}
    return StreamingResponse((to_line(entry) for entry in entries), media_type=LINES, headers=headers)
