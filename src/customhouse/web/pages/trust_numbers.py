"""The numbers of the dashboard: one value, of which page, CSV and JSON print the same tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from sqlalchemy.engine import Connection

from customhouse.app import App
from customhouse.index.giveaway.queries import accounting
from customhouse.index.mandates.model import METHODS, SCOPES, Mandate
from customhouse.index.mandates.queries import mandates
from customhouse.index.trust.model import (
    Day,
    PeopleRow,
    Range,
    Recovery,
    first_day,
    people_rows,
    recovery_told,
    told,
)
from customhouse.index.trust.queries import first_counted, last_snapshot, single_maintainer_projects, snapshots

Cell = str | int | None
OF_THE_INDEX = ("critical", "all", "staff")
"""Scopes that everybody may hear of. What an organization or a project asks of its own people is only counted."""


@dataclass(frozen=True, slots=True)
class MandateRow:
    """One mandate of the index, from the day on which it was announced."""

    title: str
    covers: str
    accepts: str
    announced: date
    warned: date
    enforced: date
    stage: str


@dataclass(frozen=True, slots=True)
class KeysRow:
    """One giveaway that has begun."""

    campaign: str
    title: str
    begins: date
    until: date
    eligible: int
    people: int
    loaded: int
    claimed: int
    left: int
    expired: int


@dataclass(frozen=True, slots=True)
class TrustNumbers:
    """Everything that the dashboard tells."""

    chosen: Range
    since: date
    until: date
    taken_at: datetime
    days: Sequence[Day]
    people: Sequence[PeopleRow]
    singles: Sequence[str]
    mandates: Sequence[MandateRow]
    of_projects: int
    of_organizations: int
    keys: Sequence[KeysRow]
    recovery: Recovery

    @property
    def today(self) -> Day:
        """The newest day."""
        return self.days[-1]


def trust_numbers(app: App, chosen: Range) -> TrustNumbers | None:
    """What is told now; None if nothing was counted yet."""
    now = app.clock.now()
    with app.database.read(snapshot=True) as sql:
        last = last_snapshot(sql)
        if last is None:
            return None
        since = first_day(chosen, now.date(), first_counted(sql) or last.day)
        # After a long pause a short range holds nothing; the newest day is told all the same.
        found = snapshots(sql, since) or [last]
        singles = single_maintainer_projects(sql)
        told_mandates, of_projects, of_organizations = _mandates(sql, now)
        keys = _keys(sql, now)
    return TrustNumbers(
        chosen, min(since, found[0].day), now.date(), last.taken_at, [told(one) for one in found], people_rows(last),
        singles, told_mandates, of_projects, of_organizations, keys, recovery_told(last),
    )  # fmt: skip


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "accounts": (
        "day", "accounts", "second_factor", "webauthn_only", "webauthn_and_totp", "totp_only", "others",
        "critical_projects", "critical_people", "critical_people_with_second_factor", "keys_given",
    ),
    "people": ("people", "critical_projects"),
    "single-maintainer": ("project",),
    "mandates": ("title", "covers", "accepts", "announced", "warned", "enforced", "stage"),
    "keys": ("campaign", "title", "begins", "until", "eligible", "people", "loaded", "claimed", "left", "expired"),
    "recovery": ("days", "finished", "median_seconds", "ninety_percent_seconds"),
}  # fmt: skip
"""The tables that can be taken home, by the name that their address has."""


def rows_of(numbers: TrustNumbers, table: str) -> list[tuple[Cell, ...]]:
    """The rows of one of these tables."""
    rows: Mapping[str, Callable[[], list[tuple[Cell, ...]]]] = {
        "accounts": lambda: [_plain(one) for one in numbers.days],
        "people": lambda: [_plain(one) for one in numbers.people],
        "single-maintainer": lambda: [(name,) for name in numbers.singles],
        "mandates": lambda: [_plain(one) for one in numbers.mandates],
        "keys": lambda: [_plain(one) for one in numbers.keys],
        "recovery": lambda: [_plain(numbers.recovery)],
    }
    return rows[table]()


def _plain(value: Day | PeopleRow | MandateRow | KeysRow | Recovery) -> tuple[Cell, ...]:
    """The fields in their order, days as text: the columns name them in that very order."""
    cells = (getattr(value, field.name) for field in fields(value))
    return tuple(cell.isoformat() if isinstance(cell, date) else cell for cell in cells)


def _mandates(sql: Connection, now: datetime) -> tuple[list[MandateRow], int, int]:
    """Those of the index that were announced, and how many projects and organizations have one of their own."""
    known = [one for one in mandates(sql) if one.dates.announced_at <= (one.ended_at or now)]
    live = [one for one in known if one.ended_at is None]
    rows = [_mandate(one, now) for one in known if one.scope in OF_THE_INDEX]
    of_projects = sum(one.scope == "project" for one in live)
    return rows, of_projects, len({one.organization_id for one in live if one.scope == "organization"})


def _mandate(one: Mandate, now: datetime) -> MandateRow:
    dates = one.dates
    return MandateRow(
        one.title, SCOPES[one.scope], METHODS[one.methods], dates.announced_at.date(), dates.warned_at.date(),
        dates.enforced_at.date(), one.stage(now),
    )  # fmt: skip


def _keys(sql: Connection, now: datetime) -> list[KeysRow]:
    """Those that have begun: what is to come is for the operators to announce."""
    return [
        KeysRow(
            row.campaign.name, row.campaign.title, row.campaign.begins_at.date(), row.campaign.until, row.eligible,
            row.people, row.loaded, row.claimed, row.left, row.expired,
        )
        for row in accounting(sql, now)
        if row.campaign.begins_at <= now
    ]  # fmt: skip
