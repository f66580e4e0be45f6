"""Counting what is told to other indexes of our projects: once a day for all, at once for one whose owners change.

Nothing is told of a private project. Of second factors nothing is told but that they are required of all owners.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import rights
from customhouse.catalog.downloads.queries import first_day
from customhouse.catalog.downloads.tables import download
from customhouse.catalog.public_signal_events import PublicSignalsCounted
from customhouse.catalog.public_signal_tables import public_signal
from customhouse.catalog.public_signals import PublicSignals, public_signals_of, rounded
from customhouse.catalog.staged_tables import release_rule
from customhouse.catalog.tables import critical_mark, file, project, release, requirement
from customhouse.index.mandates import queries as mandates
from customhouse.index.mandates.model import Mandate
from customhouse.infra import jobs
from customhouse.infra.db import Database, put_rows
from customhouse.ledger.chain import Entry
from customhouse.ledger.tables import ledger_event
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.identity import SYSTEM

COUNT_JOB = "count-public-signals"
ONE_JOB = "count-public-signals-of"
AT_ONCE = 200
DAYS = 30
TOLD_ANEW = timedelta(days=7)
"""What is the same is told with a new date after so long."""
OF_OWNERS = frozenset(
    {
        "project-created", "role-changed", "role-removed", "invitation-accepted", "project-transferred",
        "team-role-changed", "team-role-removed", "publishers-only-switched", "critical-marked",
        "project-visibility-changed",
    }
)  # fmt: skip
"""Events of a project after which it may have other owners, or what else is told at once."""
_CHANGING = ("role-changed", "role-removed", "invitation-accepted", "project-transferred", "team-role-changed",
             "team-role-removed")  # fmt: skip

_PUBLIC = (
    sa.select(project.c.id, project.c.normalized, project.c.created_at, project.c.organization_id)
    .where(project.c.visibility == "public", project.c.deleted_at.is_(None))
    .order_by(project.c.id)
)
_AFTER = _PUBLIC.where(project.c.id > sa.bindparam("after")).limit(AT_ONCE)
_NAMED = _PUBLIC.where(project.c.normalized.in_(sa.bindparam("names", expanding=True)))
_IDS: sa.BindParameter[int] = sa.bindparam("ids", expanding=True)
_BEST = (
    sa.select(file.c.project_id, sa.func.max(download.c.counted).label("counted"))
    .join(file, file.c.id == download.c.file_id)
    .where(file.c.project_id.in_(_IDS), download.c.day >= sa.bindparam("since", type_=sa.Date))
    # Of a file's day the larger sum counts, as everywhere (`downloads.queries`).
    .group_by(file.c.project_id, download.c.file_id, download.c.day)
    .subquery()
)
_DOWNLOADS = sa.select(_BEST.c.project_id, sa.cast(sa.func.sum(_BEST.c.counted), sa.BigInteger)).group_by(
    _BEST.c.project_id
)
_ASKING = project.alias("asking")
_NEWEST = (
    sa.select(sa.func.max(release.c.id))
    .where(release.c.project_id == _ASKING.c.id, release.c.deleted_at.is_(None))
    .correlate(_ASKING)
    .scalar_subquery()
)
_DEPENDENTS = (
    sa.select(requirement.c.name, sa.func.count(sa.distinct(_ASKING.c.id)))
    .join(file, file.c.id == requirement.c.file_id)
    .join(_ASKING, _ASKING.c.id == file.c.project_id)
    .where(
        requirement.c.name.in_(sa.bindparam("names", expanding=True)), _ASKING.c.normalized != requirement.c.name,
        # A private project is nobody's business, not even as one more in a number.
        _ASKING.c.visibility == "public", _ASKING.c.deleted_at.is_(None), file.c.deleted_at.is_(None),
        file.c.erased_at.is_(None), file.c.release_id == _NEWEST,
    )
    .group_by(requirement.c.name)
)  # fmt: skip
_CRITICAL = sa.select(critical_mark.c.normalized, critical_mark.c.marked_at).where(
    critical_mark.c.normalized.in_(sa.bindparam("names", expanding=True))
)
_ONLY = sa.select(release_rule.c.project_id).where(release_rule.c.project_id.in_(_IDS), release_rule.c.publishers_only)
_OWNERS_CHANGED = (
    sa.select(ledger_event.c.project, sa.func.max(ledger_event.c.at))
    .where(ledger_event.c.project.in_(sa.bindparam("names", expanding=True)), ledger_event.c.kind.in_(_CHANGING))
    .group_by(ledger_event.c.project)
)
_OWNER_IDS = sa.select(public_signal.c.project_id, public_signal.c.owner_ids).where(
    public_signal.c.project_id.in_(_IDS)
)


@dataclass(frozen=True, slots=True)
class _Counted:
    """One project as it is now."""

    project_id: int
    name: str
    owner_ids: str
    signals: PublicSignals


def note_owners(sql: Connection, entry: Entry) -> None:
    """Have it counted at once what is told of a project whose people change."""
    if entry.kind in OF_OWNERS and entry.project is not None:
        jobs.add(sql, ONE_JOB, {"names": [entry.project]}, due_at=entry.at)


def count_public_signals(deeds: Deeds, names: Collection[str] = ()) -> int:
    """Count for all public projects, or for some; how many pages tell something else now.

    Doing it again writes nothing: only what differs is written, with its pages, in batches.
    """
    moved = 0
    for batch in _batches(deeds.database, names):
        with deeds.database.read() as sql:
            due = _due(sql, batch, deeds.clock.now())
        if due:
            moved += deeds.do(_keep, due)
    return moved


def _batches(database: Database, names: Collection[str]) -> Iterator[Sequence[Any]]:
    if names:
        with database.read() as sql:
            yield sql.execute(_NAMED, {"names": sorted(names)}).all()
        return
    after = 0
    while True:
        with database.read() as sql:
            rows = sql.execute(_AFTER, {"after": after}).all()
        if not rows:
            return
        yield rows
        after = rows[-1].id


def _due(sql: Connection, rows: Sequence[Any], now: datetime) -> list[_Counted]:
    """What is to be told of these projects and is not what is told."""
    ids = [row.id for row in rows]
    told = public_signals_of(sql, ids) if ids else {}
    due = []
    for one in _count(sql, rows, now) if ids else ():
        before = told.get(one.project_id)
        if before is None or _differs(before, one.signals) or one.signals.day - before.day >= TOLD_ANEW:
            due.append(one)
    return due


def _differs(before: PublicSignals, after: PublicSignals) -> bool:
    return replace(before, day=after.day) != after


def _count(sql: Connection, rows: Sequence[Any], now: datetime) -> Iterator[_Counted]:
    ids, names = [row.id for row in rows], [row.normalized for row in rows]
    downloads = _pairs(sql.execute(_DOWNLOADS, {"ids": ids, "since": first_day(now, DAYS)}))
    dependents = _pairs(sql.execute(_DEPENDENTS, {"names": names}))
    critical = _pairs(sql.execute(_CRITICAL, {"names": names}))
    only = set(sql.execute(_ONLY, {"ids": ids}).scalars())
    changed = _pairs(sql.execute(_OWNERS_CHANGED, {"names": names}))
    before = _pairs(sql.execute(_OWNER_IDS, {"ids": ids}))
    told = public_signals_of(sql, ids)
    owners = rights.owners_of(sql, ids)
    enforced = _enforced(sql, now)
    for row in rows:
        mine = owners.get(row.id, frozenset())
        digest = hashlib.sha256(" ".join(map(str, sorted(mine))).encode()).hexdigest()
        since = changed.get(row.normalized) or row.created_at
        if row.id in before:
            since = told[row.id].owners_changed_at if before[row.id] == digest else now
        signals = PublicSignals(
            day=now.date(),
            downloads=rounded(downloads.get(row.id, 0)),
            dependents=rounded(dependents.get(row.normalized, 0)),
            owners=len(mine),
            owners_changed_at=since,
            critical_since=critical.get(row.normalized),
            publishers_only=row.id in only,
            owners_have_factors=any(
                _requires(one, let_off, row, mine, is_critical=row.normalized in critical)
                for one, let_off in enforced.items()
            ),
        )
        yield _Counted(row.id, row.normalized, digest, signals)


def _pairs(rows: Iterable[Any]) -> dict[Any, Any]:
    return {row[0]: row[1] for row in rows}


def _enforced(sql: Connection, now: datetime) -> Mapping[Mandate, frozenset[int | str]]:
    """Every mandate in force, with the accounts and the projects that are let off."""
    live = [one for one in mandates.mandates(sql, ended=False) if one.stage(now) == "enforced"]
    spared: dict[int, set[int | str]] = {}
    for one in mandates.exemptions(sql, [each.id for each in live]):
        if one.holds(now):
            spared.setdefault(one.mandate_id, set()).add(one.account_id if one.account_id is not None else one.project)
    return {one: frozenset(spared.get(one.id, ())) for one in live}


def _requires(
    mandate: Mandate, let_off: frozenset[int | str], row: Any, owners: frozenset[int], *, is_critical: bool
) -> bool:
    """Whether a mandate requires a second factor of every owner of a project."""
    covers = {
        "all": True,
        "critical": is_critical,
        "organization": row.organization_id is not None and row.organization_id == mandate.organization_id,
        "project": mandate.project == row.normalized,
    }
    return bool(owners) and covers.get(mandate.scope, False) and let_off.isdisjoint({*owners, row.normalized})


def _keep(due: Sequence[_Counted], tx: Tx) -> int:
    rows = [
        {
            "project_id": one.project_id, "day": one.signals.day, "downloads": one.signals.downloads,
            "dependents": one.signals.dependents, "owners": one.signals.owners, "owner_ids": one.owner_ids,
            "owners_changed_at": one.signals.owners_changed_at, "critical_since": one.signals.critical_since,
            "publishers_only": one.signals.publishers_only, "owners_have_factors": one.signals.owners_have_factors,
        }
        for one in due
    ]  # fmt: skip
    put_rows(tx.sql, public_signal, rows)
    names = tuple(one.name for one in due)
    tx.void_pages(names)
    tx.record(PublicSignalsCounted(SYSTEM, None, names=names))
    return len(due)
