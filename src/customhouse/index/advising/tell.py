"""Telling owners when their newest release turns out to be affected: once for each vulnerability and project."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from packaging.version import Version

from customhouse.advisories import queries as advisories
from customhouse.advisories.queries import Stored
from customhouse.catalog import queries
from customhouse.catalog.model import Project
from customhouse.formats.osv.covered import Covered
from customhouse.formats.osv.matching import fixed_versions
from customhouse.formats.osv.merging import Same, merge
from customhouse.index.advising.events import NewestAffected
from customhouse.index.advising.here import offered_versions
from customhouse.index.advising.tables import advisory_told
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.identity import SYSTEM

MOST_IDS, MOST_FIXES = 20, 10
_TOLD = sa.select(advisory_told.c.name).where(advisory_told.c.project_id == sa.bindparam("project"))


@dataclass(frozen=True, slots=True)
class LookAtNewest:
    """The wish that the newest release of a project is looked at. ``name`` is normalised."""

    name: str


def tell_owners(deeds: Deeds, names: Collection[str]) -> int:
    """Look at the newest releases of these names, those of them that we host; how many projects were told of.

    Doing it again tells nobody: what was told is written in the same transaction as the event.
    """
    with deeds.database.read() as sql:
        hosted = [name for name in sorted(set(names)) if queries.find_project(sql, name) is not None]
    return sum(deeds.do(look_at_newest, LookAtNewest(name)) for name in hosted)


def look_at_newest(command: LookAtNewest, tx: Tx) -> bool:
    """Tell of what affects the newest release and was not told of; whether there was anything."""
    found = queries.find_project(tx.sql, command.name)
    if found is None or found.deleted_at is not None:
        return False
    newest = offered_versions(tx.sql, found).newest
    stored = {one.id: one for one in advisories.of_names(tx.sql, [command.name]).get(command.name, ())}
    affecting = [one.record for one in stored.values() if newest and Covered.of(one.record, command.name).holds(newest)]
    if not affecting:
        return False
    tx.serialize()
    told = set(tx.sql.execute(_TOLD, {"project": found.id}).scalars())
    new = [same for same in merge(affecting) if told.isdisjoint(same.names)]
    for same in new:
        for name in same.names:
            insert_new(tx.sql, advisory_told, project_id=found.id, name=name, told_at=tx.now())
    if new:
        tx.record(_event(found, newest, new, stored))
    return bool(new)


def _event(found: Project, newest: str, new: Sequence[Same], stored: Mapping[str, Stored]) -> NewestAffected:
    def level(same: Same) -> int:
        return max(stored[one.id].level for one in same.records)

    ordered = sorted(new, key=level, reverse=True)
    worst = ordered[0]
    fixes = {fix for same in new for one in same.records for fix in fixed_versions(one, found.normalized)}
    above = sorted((fix for fix in fixes if Version(fix) > Version(newest)), key=Version)
    return NewestAffected(
        SYSTEM, found.normalized, version=newest, advisories=tuple(one.first.id for one in ordered[:MOST_IDS]),
        level=max(stored[one.id].level for one in worst.records).word, fixed=tuple(above[:MOST_FIXES]),
        summary=next((one.summary for one in worst.records if one.summary), "")[:200],
    )  # fmt: skip
