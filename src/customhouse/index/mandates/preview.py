"""What a mandate would mean, before it is announced: whom it concerns, what it covers, what work it brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, second_factor
from customhouse.catalog import rights
from customhouse.catalog.critical import Ranked, Rule, chosen
from customhouse.catalog.organizations import find_organization
from customhouse.catalog.tables import critical_mark, project
from customhouse.index.mandates.model import ACCEPTED, Methods, Scope
from customhouse.index.mandates.tell import methods_by_account
from customhouse.index.mark_critical import look_at_ranks
from customhouse.index.recovery.tables import recovery_case

YEAR = timedelta(days=365)
NAMED_AT_ONCE = 500
_STAFF = sa.select(account.c.id).where(account.c.site_role != "", account.c.frozen_at.is_(None))
_FROZEN = sa.select(account.c.id).where(account.c.frozen_at.is_not(None))
_MARKED = sa.select(critical_mark.c.normalized)
_PROTECTED = sa.select(sa.func.count(sa.distinct(second_factor.c.account_id)))
# A case that was opened for a name that nobody has is none, nor is one that ended before anybody proved anything.
_RECOVERIES = sa.select(sa.func.count(sa.distinct(recovery_case.c.account_id))).where(
    recovery_case.c.account_id.is_not(None),
    recovery_case.c.held_at.is_not(None),
    recovery_case.c.opened_at >= sa.bindparam("since", type_=recovery_case.c.opened_at.type),
)


@dataclass(frozen=True, slots=True)
class Cohort:
    """Whom a mandate should concern. ``rule`` picks critical projects beside those that are marked already."""

    scope: Scope
    methods: Methods
    rule: Rule | None = None
    organization: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How many ask for recovery within a year, and what that number rests on."""

    share: float
    people: int
    measured: bool
    cases: int = 0
    """Cases of the last year on this index."""
    protected: int = 0
    """Accounts that have a second factor now."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The price of a mandate."""

    projects: int
    newly_critical: Sequence[Ranked]
    """Projects that become critical with the announcement."""
    people: int
    ready: int
    """People who have an accepted factor already."""
    downloads: int
    all_downloads: int
    since: str
    """The first day that was counted, ISO 8601."""
    single: Sequence[str]
    """Projects that one person alone publishes, by name."""
    expected: Expectation

    @property
    def unready(self) -> int:
        """People who would have to do something."""
        return self.people - self.ready

    @property
    def share_of_downloads(self) -> float:
        """The share of all counted downloads that the projects have."""
        return self.downloads / self.all_downloads if self.all_downloads else 0.0


def preview(sql: Connection, cohort: Cohort, now: datetime, assumed_share: float) -> Preview:
    """Look at everything as it is now; nothing changes."""
    ranks = look_at_ranks(sql, now)
    marked = set(sql.execute(_MARKED).scalars())
    newly = [
        one
        for one in (chosen(ranks.ranked, ranks.projects, cohort.rule) if cohort.rule is not None else ())
        if one.normalized not in marked
    ]
    people = _people(sql, cohort, {one.normalized for one in newly})
    covered = {name for names in people.values() for name in names}
    by_project: dict[str, int] = {}
    for names in people.values():
        for name in names:
            by_project[name] = by_project.get(name, 0) + 1
    methods = methods_by_account(sql, list(people))
    accepted = ACCEPTED[cohort.methods]
    ready = sum(1 for one in people if accepted & methods.get(one, frozenset()))
    return Preview(
        projects=len(covered),
        newly_critical=newly,
        people=len(people),
        ready=ready,
        downloads=sum(one.downloads for one in ranks.ranked if one.normalized in covered),
        all_downloads=sum(one.downloads for one in ranks.ranked),
        since=ranks.since.isoformat(),
        single=sorted(name for name, count in by_project.items() if count == 1),
        expected=expected_recoveries(sql, len(people) - ready, now, assumed_share),
    )


def expected_recoveries(sql: Connection, newcomers: int, now: datetime, assumed_share: float) -> Expectation:
    """Newcomers to second factors times the share of such people who lost theirs within a year.

    Measured by our own cases of the last year if there are any, else the share that the settings assume.
    """
    cases = int(sql.execute(_RECOVERIES, {"since": now - YEAR}).scalar_one())
    protected = int(sql.execute(_PROTECTED).scalar_one())
    measured = cases > 0 and protected > 0
    share = min(cases / protected, 1.0) if measured else assumed_share
    return Expectation(share, round(newcomers * share), measured, cases, protected)


def _people(sql: Connection, cohort: Cohort, newly: set[str]) -> dict[int, set[str]]:
    """Account ids with the names of their projects that count."""
    if cohort.scope == "staff":
        return {account_id: set() for account_id in sql.execute(_STAFF).scalars()}
    frozen = set(sql.execute(_FROZEN).scalars())
    found: dict[int, set[str]] = {}
    for wanted in _wanted(sql, cohort, newly):
        for row in sql.execute(rights.publishers(wanted)):
            if row.account_id not in frozen:
                found.setdefault(row.account_id, set()).add(row.normalized)
    return found


def _wanted(sql: Connection, cohort: Cohort, newly: set[str]) -> list[sa.ColumnElement[bool]]:
    match cohort.scope:
        case "all":
            return [sa.true()]
        case "organization":
            return [project.c.organization_id == find_organization(sql, cohort.organization).id]
        case _:
            names = sorted(newly)
            chunks = [names[start : start + NAMED_AT_ONCE] for start in range(0, len(names), NAMED_AT_ONCE)]
            marked = sa.exists().where(critical_mark.c.normalized == project.c.normalized)
            return [marked, *(project.c.normalized.in_(chunk) for chunk in chunks)]
