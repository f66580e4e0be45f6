"""What makes rendered pages of views void: whatever a decision rests on has changed.

A follower hears of it in the ledger and adds a job; the job voids exactly the projects concerned, or everything where
nobody can say which those are. Pages that are being rendered meanwhile are not kept (`infra.pages.Pages.put`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories import queries as advisories
from customhouse.catalog.bundled_tables import bundled_library
from customhouse.catalog.tables import file, name, project
from customhouse.formats.bundled.advisories import library_ranges
from customhouse.index.public_signals import OF_OWNERS
from customhouse.infra import jobs
from customhouse.ledger.chain import Entry
from customhouse.ledger.events import Event
from customhouse.ledger.tx import Tx
from customhouse.mirror.object_tables import mirrored_library, mirrored_object
from customhouse.terms.identity import SYSTEM
from customhouse.views.define import VoidViews, void_views
from customhouse.views.tables import view

VOID_JOB = "void-views"
AT_ONCE = 200
EVERYTHING = {
    "exploitation-changed": "what is known of exploitation has changed",
    "library-range-said": "an advisory on a library says something else",
    "namespace-granted": "a namespace was granted",
    "namespace-revoked": "a namespace was revoked",
}
"""Events that may change what is decided of any file, and why, for the ledger."""
_ANY_VIEW = sa.select(view.c.name).limit(1)
_KNOWN = sa.select(name.c.normalized).where(name.c.normalized.in_(sa.bindparam("names", expanding=True)))
_KEYS: sa.BindParameter[str] = sa.bindparam("keys", expanding=True)
_MIRRORED = (
    sa.select(mirrored_object.c.project)
    .join(
        mirrored_library,
        sa.and_(
            mirrored_library.c.upstream == mirrored_object.c.upstream,
            mirrored_library.c.filename == mirrored_object.c.filename,
        ),
    )
    .where(mirrored_library.c.key.in_(_KEYS))
    .distinct()
)
_HOSTED = (
    sa.select(project.c.normalized)
    .join(file, file.c.project_id == project.c.id)
    .join(bundled_library, bundled_library.c.file_id == file.c.id)
    .where(bundled_library.c.key.in_(_KEYS))
    .distinct()
)


@dataclass(frozen=True, slots=True)
class ViewPagesVoided(Event):
    """What views show of some projects is looked at anew."""

    kind: ClassVar[str] = "view-pages-voided"
    why: str
    projects: int


@dataclass(frozen=True, slots=True)
class VoidNames:
    """The projects of these normalised names are to be looked at anew in all views."""

    names: tuple[str, ...]
    why: str


def note_void(sql: Connection, entry: Entry) -> None:
    """Have voided whatever an event concerns, if anybody has defined a view."""
    wanted = _concerned(entry)
    if wanted is not None and sql.execute(_ANY_VIEW).first() is not None:
        jobs.add(sql, VOID_JOB, wanted, due_at=entry.at)


def _concerned(entry: Entry) -> dict[str, object] | None:
    if entry.kind in EVERYTHING:
        return {"everything": EVERYTHING[entry.kind]}
    if entry.kind == "advisories-changed":
        body = json.loads(entry.body)
        return {"names": body["names"], "advisories": body["ids"]}
    if entry.kind in OF_OWNERS and entry.project is not None:
        return {"names": [entry.project], "advisories": []}
    return None


def void_names(command: VoidNames, tx: Tx) -> int:
    """Void the pages of these projects; how many of them are known here. Doing it again voids them again."""
    known = {
        found
        for some in _pieces(sorted(set(command.names)))
        for found in tx.sql.execute(_KNOWN, {"names": some}).scalars()
    }
    if known:
        tx.void_names(known)
        tx.record(ViewPagesVoided(SYSTEM, None, why=command.why, projects=len(known)))
    return len(known)


def void_everything(why: str, tx: Tx) -> int:
    """Void all pages of all views; how many views there are."""
    return void_views(VoidViews(why), tx)


def holders_of_libraries(sql: Connection, advisory_ids: Collection[str]) -> set[str]:
    """The projects here that bundle a library on which one of these advisories is."""
    stored = advisories.find_all(sql, advisory_ids)
    keys = sorted({place.library.lower() for one in stored for place in library_ranges(one.record)})
    found: set[str] = set()
    for some in _pieces(keys):
        for statement in (_MIRRORED, _HOSTED):
            found.update(sql.execute(statement, {"keys": some}).scalars())
    return found


def _pieces(words: list[str]) -> Iterable[list[str]]:
    return (words[start : start + AT_ONCE] for start in range(0, len(words), AT_ONCE))
