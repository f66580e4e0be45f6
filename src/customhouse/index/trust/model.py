"""What is counted once a day, and what of it may be told; pure.

Roles are public, so how many people look after a project is, too. Who has a second factor is not. Whoever knows that
one person has come or gone between two days could read from exact numbers whether that person has one. So numbers about
second factors are rounded down to fives: a newcomer without one and one who has one look the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from customhouse.terms.errors import Rejected

STEP = 5
"""Numbers about second factors are told in steps of so many, rounded down."""
RECOVERIES_TOLD_FROM = 3
"""Of fewer recoveries it is not told how long they took."""
RECOVERY_DAYS = 365
Range = Literal["30d", "180d", "1y", "all"]
RANGES: Mapping[Range, tuple[str, timedelta | None]] = {
    "30d": ("30 days", timedelta(days=30)),
    "180d": ("180 days", timedelta(days=180)),
    "1y": ("1 year", timedelta(days=365)),
    "all": ("all", None),
}
DEFAULT_RANGE: Range = "180d"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was counted on a day."""

    day: date
    taken_at: datetime
    accounts: int
    webauthn_only: int
    totp_only: int
    both_methods: int
    critical_projects: int
    critical_people: int
    critical_protected: int
    projects_by_people: Mapping[str, int]
    keys_given: int
    recoveries: int
    recovery_median_seconds: int | None
    recovery_ninety_seconds: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """What of a snapshot is told. Numbers of second factors are rounded down; None is less than the smallest step."""

    day: date
    accounts: int
    second_factor: int | None
    webauthn_only: int | None
    both_methods: int | None
    totp_only: int | None
    others: int | None
    """Accounts of which it is not told that they have one."""
    critical_projects: int
    critical_people: int
    critical_protected: int | None
    keys_given: int


@dataclass(frozen=True, slots=True)
class PeopleRow:
    """So many critical projects have so many owners and maintainers."""

    people: int
    projects: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long it took to give accounts back; None where too few cases ended to say so."""

    days: int
    finished: int
    median_seconds: int | None
    ninety_seconds: int | None
    """Nine of ten were not slower."""


def told(snapshot: Snapshot) -> Day:
    """What of a snapshot everybody may know."""
    webauthn, both, totp = (_down(one) for one in (snapshot.webauthn_only, snapshot.both_methods, snapshot.totp_only))
    with_one = webauthn + both + totp
    return Day(
        snapshot.day,
        snapshot.accounts,
        with_one or None,
        webauthn if with_one else None,
        both if with_one else None,
        totp if with_one else None,
        snapshot.accounts - with_one if with_one else None,
        snapshot.critical_projects,
        snapshot.critical_people,
        _down(snapshot.critical_protected) or None,
        snapshot.keys_given,
    )


def _down(number: int) -> int:
    return number - number % STEP


def people_rows(snapshot: Snapshot) -> list[PeopleRow]:
    """How many critical projects have so many people, from the fewest people on."""
    counts = {int(people): projects for people, projects in snapshot.projects_by_people.items()}
    return [PeopleRow(people, counts[people]) for people in sorted(counts)]


def recovery_told(snapshot: Snapshot) -> Recovery:
    """The times of finished cases, unless so few ended that somebody could find his neighbour's among them."""
    enough = snapshot.recoveries >= RECOVERIES_TOLD_FROM
    return Recovery(
        RECOVERY_DAYS,
        snapshot.recoveries,
        snapshot.recovery_median_seconds if enough else None,
        snapshot.recovery_ninety_seconds if enough else None,
    )


def at_rank(ordered: Sequence[timedelta], percent: int) -> int | None:
    """The seconds that so many of a hundred durations do not exceed (nearest rank); None of no durations."""
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)
    return int(ordered[max(rank, 1) - 1].total_seconds())


def parse_range(text: str) -> Range:
    """One of the ranges that the page offers."""
    for name in RANGES:
        if text == name:
            return name
    raise Rejected("bad-range", "range", f"{text[:40]!r} is no range", ", ".join(RANGES))


def first_day(chosen: Range, today: date, first: date) -> date:
    """The first day of a range, or of all snapshots."""
    length = RANGES[chosen][1]
    return first if length is None else today - length
