"""Marking projects as critical: by hand, and each day by the rule, the list and what this index itself needs.

A mark sticks to the name. It outlives deletion, and a mark that was computed never goes by itself: who was among the
most downloaded once is built upon. An operator can take a mark away with a reason. What he took away the rule does not
put back; it asks the operators, once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog import critical_counts
from customhouse.catalog.critical import Mark, Ranked, Rule, Source, chosen, curve_of
from customhouse.catalog.critical_tables import critical_count, critical_review
from customhouse.catalog.lifecycle_events import CriticalAsked, CriticalMarked
from customhouse.catalog.tables import critical_mark, project
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import lock_subject
from customhouse.infra.db import Database, put_rows
from customhouse.infra.own_dependencies import own_dependencies
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import COMMAND_LINE, SYSTEM, Actor
from customhouse.terms.names import normalize

UNMARKED = "critical-unmarked"
_OPEN = critical_review.c.closed_at.is_(None)
_MOVE = (
    critical_mark.update()
    .where(critical_mark.c.normalized == sa.bindparam("which"))
    .values(rank=sa.bindparam("new_rank"), downloads=sa.bindparam("new_downloads"))
)
_HERE = sa.select(project.c.normalized).where(
    project.c.normalized.in_(sa.bindparam("names", expanding=True)), project.c.deleted_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class MarkCritical:
    """An operator's wish to set or to take away the mark."""

    project: str
    reason: str
    critical: bool = True
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Ranks:
    """What was counted: since which day, the ranks, and how many public projects there are."""

    since: date
    ranked: Sequence[Ranked]
    projects: int


@dataclass(frozen=True, slots=True)
class CountCritical:
    """The daily wish: the rule, the ranks, the names of the list, and what this index needs to run."""

    rule: Rule
    ranks: Ranks
    names: Collection[str] = ()
    dependencies: Collection[str] = ()


class Counted(NamedTuple):
    """What the daily round did."""

    marked: list[str]
    asked: list[str]


class _Wanted(NamedTuple):
    """A name that should be marked, and why."""

    normalized: str
    source: Source
    reason: str


def mark_critical(command: MarkCritical, tx: Tx) -> str | PendingChange:
    """Set or take away the mark; returns the project's normalised name, or what waits.

    Taking it away needs a reason, and is remembered with what the mark said. It waits, because with the mark goes all
    that protects the project; the reason goes along as ``why``, since an operator's reason does not make it happen at
    once.
    """
    refuse_unless_operator(command.by)
    if not command.critical and not command.reason.strip():
        raise Rejected("missing-reason", "reason", "is empty", "why this project is not critical")
    found = lock_subject(tx, command.project, "", "", command.by).project
    name = found.normalized
    if not command.critical and critical_counts.mark_of(tx.sql, name) is not None:
        waits = put_off(
            tx, UNMARKED, project=found, by=command.by, arguments={"project": name, "why": command.reason},
            sentence=f"{found.display} is marked as critical no longer",
        )  # fmt: skip
        if waits is not None:
            return waits
    if command.critical:
        row = {"normalized": name, "reason": command.reason, "marked_at": tx.now(), "source": "operator"}
        put_rows(tx.sql, critical_mark, [row | {"rank": None, "downloads": None}])
        tx.sql.execute(
            critical_review.update().where(critical_review.c.normalized == name, _OPEN).values(closed_at=tx.now())
        )
    else:
        _remember(command, name, tx)
        tx.sql.execute(critical_mark.delete().where(critical_mark.c.normalized == name))
    tx.record(CriticalMarked(command.by.as_operator, name, critical=command.critical, reason=command.reason))
    return name


def _remember(command: MarkCritical, name: str, tx: Tx) -> None:
    """Keep what the mark said, so that the rule asks before it marks again."""
    mark = critical_counts.mark_of(tx.sql, name)
    if mark is None:
        return
    tx.sql.execute(
        critical_review.insert().values(
            normalized=name, taken_at=tx.now(), taken_by=command.by.identity.name, taken_reason=command.reason,
            source=mark.source, reason=mark.reason, marked_at=mark.marked_at, rank=mark.rank,
        )
    )  # fmt: skip


def look_at_ranks(sql: Connection, now: datetime) -> Ranks:
    """The ranks of this moment. The sums take a while, so they are made before the deed and not inside."""
    window = critical_counts.window(now)
    first = critical_counts.first_counted(sql, window)
    return Ranks(first or now.date(), critical_counts.ranked(sql, window), critical_counts.how_many(sql))


def counted_today(database: Database, now: datetime) -> bool:
    """Whether this day has been counted already."""
    with database.read() as sql:
        last = critical_counts.latest_count(sql)
    return last is not None and last.day == now.date()


def count_now(deeds: Deeds, rule: str, names: Collection[str]) -> Counted:
    """Count, then mark. Doing it again marks nothing more."""
    now = deeds.clock.now()
    critical_counts.keep_networks(deeds.database, now)
    with deeds.database.read(snapshot=True) as sql:
        ranks = look_at_ranks(sql, now)
    return deeds.do(count_critical, CountCritical(Rule.parse(rule), ranks, names, own_dependencies()))


def count_critical(command: CountCritical, tx: Tx) -> Counted:
    """Mark what the rule, the list and our own needs pick and what is not marked yet; bring all ranks up to date.

    Only names of projects that are here are marked. Doing it again the same day changes nothing but the ranks.
    """
    ranks = command.ranks
    marked = set(tx.sql.execute(sa.select(critical_mark.c.normalized)).scalars())
    reviews = tx.sql.execute(sa.select(critical_review.c.normalized, critical_review.c.asked_at).where(_OPEN))
    asked = {row.normalized: row.asked_at for row in reviews}
    done = Counted([], [])
    for one in _wanted(command, tx):
        if one.normalized in marked:
            continue
        if one.normalized not in asked:
            marked.add(one.normalized)
            _mark(one, tx)
            done.marked.append(one.normalized)
        elif asked[one.normalized] is None:
            asked[one.normalized] = tx.now()
            _ask(one, tx)
            done.asked.append(one.normalized)
    _keep_ranks(ranks.ranked, marked, tx)
    _keep_count(command.rule, ranks, marked, tx)
    return done


def _wanted(command: CountCritical, tx: Tx) -> list[_Wanted]:
    """Every name that should be marked. One that is picked twice is told of by the first reason."""
    ranks, rule, day = command.ranks, command.rule, f"{tx.now():%-d %B %Y}"
    wanted = [
        _Wanted(
            one.normalized, "rule",
            f"Rank {one.rank} of {ranks.projects} by downloads on {day} (rule: {rule.text}).",
        )
        for one in chosen(ranks.ranked, ranks.projects, rule)
    ]  # fmt: skip
    listed = {normalize(name) for name in command.names}
    wanted += [_Wanted(name, "list", "The operators of this index have listed it.") for name in _here(listed, tx)]
    needed = set(command.dependencies)
    return wanted + [_Wanted(name, "dependency", "This index itself needs it to run.") for name in _here(needed, tx)]


def _here(names: Collection[str], tx: Tx) -> list[str]:
    return sorted(tx.sql.execute(_HERE, {"names": sorted(names)}).scalars()) if names else []


def _mark(one: _Wanted, tx: Tx) -> None:
    values = {"normalized": one.normalized, "reason": one.reason, "marked_at": tx.now(), "source": one.source}
    put_rows(tx.sql, critical_mark, [values | {"rank": None, "downloads": None}])
    tx.record(CriticalMarked(SYSTEM, one.normalized, critical=True, reason=one.reason, source=one.source))


def _ask(one: _Wanted, tx: Tx) -> None:
    tx.sql.execute(
        critical_review.update()
        .where(critical_review.c.normalized == one.normalized, _OPEN)
        .values(asked_at=tx.now(), asked_reason=one.reason)
    )
    tx.record(CriticalAsked(SYSTEM, one.normalized, reason=one.reason))


def _keep_ranks(ranked: Sequence[Ranked], marked: Collection[str], tx: Tx) -> None:
    """Every mark says its rank of today; who was not downloaded has none."""
    places = {one.normalized: one for one in ranked}
    rows = []
    for name in sorted(marked):
        place = places.get(name)
        rows.append(
            {
                "which": name,
                "new_rank": place.rank if place is not None else None,
                "new_downloads": place.downloads if place is not None else 0,
            }
        )
    if rows:
        tx.sql.execute(_MOVE, rows)


def _keep_count(rule: Rule, ranks: Ranks, marked: Collection[str], tx: Tx) -> None:
    """The picture of the day; doing it again paints over it."""
    ours = [one for one in ranks.ranked if one.normalized in marked]
    row = {
        "day": tx.now().date(),
        "since": ranks.since,
        "rule": rule.text,
        "projects": ranks.projects,
        "downloads": sum(one.downloads for one in ranks.ranked),
        "marked": len(ours),
        "marked_downloads": sum(one.downloads for one in ours),
        "curve": [list(point) for point in curve_of([one.downloads for one in ranks.ranked], ranks.projects)],
    }
    put_rows(tx.sql, critical_count, [row])


class Review(NamedTuple):
    """A mark that an operator has taken away."""

    normalized: str
    taken_at: datetime
    taken_by: str
    taken_reason: str
    reason: str
    marked_at: datetime
    asked_at: datetime | None
    asked_reason: str
    closed_at: datetime | None


def reviews(sql: Connection) -> list[Review]:
    """What was taken away: first what the rule asks about, then the newest."""
    columns = [critical_review.c[name] for name in Review._fields]
    rows = sql.execute(
        sa.select(*columns).order_by(
            sa.or_(critical_review.c.asked_at.is_(None), critical_review.c.closed_at.is_not(None)),
            critical_review.c.id.desc(),
        )
    )
    return [Review(*row) for row in rows]


def all_marks(sql: Connection) -> list[Mark]:
    """Every mark, of private and deleted projects too, the newest first."""
    columns = (
        critical_mark.c.normalized, critical_mark.c.reason, critical_mark.c.source, critical_mark.c.marked_at,
        critical_mark.c.rank, critical_mark.c.downloads,
    )  # fmt: skip
    rows = sql.execute(sa.select(*columns).order_by(critical_mark.c.marked_at.desc(), critical_mark.c.normalized))
    return [Mark(*row) for row in rows]
