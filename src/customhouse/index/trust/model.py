"""What is counted once a day, and what of it may be told; pure.

Roles are public, so how many people look after a project is, too. Who has a second factor is not: a number about that
is told only where it cannot be turned into a statement about one person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from customhouse.terms.errors import Rejected

TOLD_FROM = 3
"""Of fewer people nothing is told about second factors; nor is it told that fewer than so many of a group have one,
because "none of them" is a statement about each."""
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
    """What of a snapshot is told. None: not told, because it could say something about one person."""

    day: date
    accounts: int
    second_factor: int | None
    webauthn_only: int | None
    both_methods: int | None
    totp_only: int | None
    none: int | None
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
    with_one = snapshot.webauthn_only + snapshot.totp_only + snapshot.both_methods
    methods = with_one >= TOLD_FROM
    people, protected = snapshot.critical_people, snapshot.critical_protected
    return Day(
        snapshot.day,
        snapshot.accounts,
        with_one if methods else None,
        snapshot.webauthn_only if methods else None,
        snapshot.both_methods if methods else None,
        snapshot.totp_only if methods else None,
        snapshot.accounts - with_one if methods else None,
        snapshot.critical_projects,
        people,
        protected if protected >= TOLD_FROM else None,
        snapshot.keys_given,
    )


def people_rows(snapshot: Snapshot) -> list[PeopleRow]:
    """How many critical projects have so many people, from the fewest people on."""
    counts = {int(people): projects for people, projects in snapshot.projects_by_people.items()}
    return [PeopleRow(people, counts[people]) for people in sorted(counts)]


def recovery_told(snapshot: Snapshot) -> Recovery:
    """The times of finished cases, unless so few ended that somebody could find his neighbour's among them."""
    enough = snapshot.recoveries >= TOLD_FROM
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
