"""Who owns a name: this index or which upstream, since when, why, and how it came to that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.namespaces import grants_covering
from customhouse.catalog.tables import name
from customhouse.ledger.chain import Entry
from customhouse.ledger.public import sentence, who
from customhouse.ledger.tables import ledger_event
from customhouse.terms.names import ProjectName
from customhouse.views.names.known import KnownNames

Whose = Literal["hosted", "deleted", "private", "reserved", "staged", "upstream", "kept", "free"]

KINDS = (
    "project-created", "private-project-created", "project-visibility-changed", "project-transferred", "deleted",
    "restored", "name-adopted", "name-handed-over", "upstream-name-taken", "upstream-name-forgotten",
    "upstream-project-removed", "upstream-project-returned", "upstream-digest-changed", "project-quarantined",
    "quarantine-lifted",
)  # fmt: skip
"""What changes whose a name is, or says why."""
OF_NAMES = ("name-prohibited", "name-allowed")
"""These name no project; the name stands in their bodies."""
MOST = 200

COLLISION = (
    "Nobody knows whether an upstream has this name, too: names of ours are told to no upstream, so none is asked."
)


@dataclass(frozen=True, slots=True)
class Happened:
    """One entry of the ledger, in words."""

    serial: int
    at: datetime
    kind: str
    who: str
    sentence: str


@dataclass(frozen=True, slots=True)
class NameOwner:
    """The answer, for operators."""

    name: ProjectName
    whose: Whose
    upstream: str
    since: datetime | None
    why: str
    """A sentence."""
    asked: str
    """Who is asked for it, in a sentence."""
    history: Sequence[Happened]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class PublicOwner:
    """The answer for everybody. A private, deleted, prohibited or waiting name is like one that nobody has."""

    name: ProjectName
    hosted: bool
    upstream: str


def public_owner(sql: Connection, wanted: ProjectName) -> PublicOwner:
    """What everybody may know of a name."""
    found = queries.find_project(sql, wanted.normalized)
    row = sql.execute(sa.select(name).where(name.c.normalized == wanted.normalized)).one_or_none()
    if row is not None and row.state == "upstream":
        return PublicOwner(wanted, hosted=False, upstream=row.upstream or "")
    hosted = found is not None and found.public and found.deleted_at is None
    return PublicOwner(wanted, hosted=hosted, upstream="")


def owner_of(sql: Connection, wanted: ProjectName, known: KnownNames, upstreams: Sequence[str]) -> NameOwner:
    """What operators may know of a name: all of it."""
    row = sql.execute(sa.select(name).where(name.c.normalized == wanted.normalized)).one_or_none()
    history = history_of(sql, wanted.normalized)
    whose, why = _whose(sql, wanted, row, known)
    if whose == "upstream" and any(one.kind == "name-handed-over" for one in _last_turn(history)):
        why = "It was hosted here, and an operator handed it over."
    upstream = (row.upstream or "") if row is not None and row.state == "upstream" else ""
    return NameOwner(
        wanted, whose, upstream, row.claimed_at if row is not None else None, why,
        _asked(whose, upstream, upstreams), history,
    )  # fmt: skip


def history_of(sql: Connection, normalized: str) -> list[Happened]:
    """What the ledger says of a name, oldest first."""
    c = ledger_event.c
    rows = sql.execute(
        sa.select(ledger_event).where(c.project == normalized, c.kind.in_(KINDS)).order_by(c.serial.desc()).limit(MOST)
    ).all()
    said = sql.execute(sa.select(ledger_event).where(c.kind.in_(OF_NAMES)).order_by(c.serial)).all()
    mine = [row for row in said if json.loads(row.body).get("name") == normalized]
    entries = [Entry(**row._mapping) for row in [*rows, *mine]]  # noqa: SLF001 - a public name of SQLAlchemy
    return [
        Happened(entry.serial, entry.at, entry.kind, who(entry), sentence(entry))
        for entry in sorted(entries, key=lambda entry: entry.serial)
    ]


def _last_turn(history: Sequence[Happened]) -> Sequence[Happened]:
    """The last thing that an operator did about whose the name is."""
    turns = ("name-adopted", "name-handed-over", "upstream-name-forgotten")
    return [one for one in history if one.kind in turns][-1:]


def _whose(
    sql: Connection, wanted: ProjectName, row: sa.Row[tuple[object, ...]] | None, known: KnownNames
) -> tuple[Whose, str]:
    if row is not None and row.state == "hosted":
        return _of_hosted(sql, wanted)
    if row is not None and row.state == "reserved":
        return "reserved", f"An operator has prohibited it: {row.reason}"
    if row is not None and row.state == "staged":
        return "staged", "A first release of it is being made."
    internal = known.is_internal(wanted.normalized)
    if internal or (grants := grants_covering(sql, wanted.normalized)):
        why = (
            "The setting internal_names covers it."
            if internal
            else (f"It lies in the namespace {grants[0].prefix!r} of the organization {grants[0].organization!r}.")
        )
        return "kept", why
    if row is None:
        return "free", "Nobody has it."
    return "upstream", "It was asked for, nobody had it here, and this upstream was the first that has it."


def _of_hosted(sql: Connection, wanted: ProjectName) -> tuple[Whose, str]:
    found = queries.find_project(sql, wanted.normalized)
    if found is None:
        return "hosted", "It was claimed here, and has no project."
    if found.deleted_at is not None:
        return "deleted", f"It was hosted here and is deleted ({found.delete_reason or 'no reason given'}): never free."
    return ("hosted" if found.public else "private"), f"It is hosted here as {found.display!r}."


def _asked(whose: Whose, upstream: str, upstreams: Sequence[str]) -> str:
    if whose == "upstream" and upstream in upstreams:
        return f"Only {upstream} is asked for it, in views that name it."
    if whose == "upstream":
        return "Its upstream is not in the settings any more: nobody is asked, and what is here is served."
    if whose == "free":
        names = ", ".join(upstreams) or "there are none"
        return f"A view that is asked for it asks its upstreams in order (of {names}); the first that has it owns it."
    return COLLISION


WORDS: Mapping[Whose, str] = {
    "hosted": "hosted here", "deleted": "hosted here, deleted", "private": "hosted here, private",
    "reserved": "prohibited", "staged": "kept for a first release", "upstream": "from the upstream",
    "kept": "ours, and hosted by nobody yet", "free": "free",
}  # fmt: skip
