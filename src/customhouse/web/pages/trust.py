"""The public dashboard: how well accounts and critical projects are protected. It names projects, and no person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from markupsafe import Markup
from starlette.responses import Response

from customhouse.index.trust.model import DEFAULT_RANGE, RANGES, STEP, Day, PeopleRow, parse_range
from customhouse.terms.errors import Refused
from customhouse.web.csv_table import csv_answer
from customhouse.web.doors import Door, door
from customhouse.web.pages.area_chart import Column, Flag, area_chart
from customhouse.web.pages.stacked_bar import Part, rows_of_bars, whole_bar
from customhouse.web.pages.trust_numbers import COLUMNS, TrustNumbers, rows_of, trust_numbers
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

SINGLES_SHOWN = 60
MOST_BARS = 8
DAYS_LISTED, WEEKS_LISTED = 45, 200


def trust_doors() -> list[Door]:
    """The doors of the dashboard."""
    return [
        door("GET", "/trust/", trust, Permission.PUBLIC_READ),
        door("GET", "/trust/data.json", data_json, Permission.PUBLIC_READ),
        door("GET", "/trust/{table}.csv", table_csv, Permission.PUBLIC_READ),
    ]


@dataclass(frozen=True, slots=True)
class FlagRow:
    """What a number in a chart means."""

    number: int
    day: date
    what: str
    title: str


@dataclass(frozen=True, slots=True)
class TrustView:
    """The page, ready to print."""

    numbers: TrustNumbers
    accounts: Markup
    methods: Markup
    critical: Markup
    people: Markup
    flags: Sequence[FlagRow]
    rows: Sequence[Day]
    """Some of the days: each one, the first of each week, or the first of each month."""
    rows_are: str
    missing: int
    """Days of the range on which nothing was counted."""
    gained: int | None
    """By how many points of a hundred the share of accounts with a second factor has grown in the range."""


def trust(visit: Visit) -> Response:
    """The dashboard."""
    chosen = parse_range(visit.query.get("range", DEFAULT_RANGE))
    numbers = trust_numbers(visit.app, chosen)
    view = None if numbers is None else _view(numbers)
    return visit.page(
        "trust.html", kept=True, view=view, ranges=RANGES, chosen=chosen, step=STEP,
        singles_shown=SINGLES_SHOWN, share=share, span=span,
    )  # fmt: skip


def data_json(visit: Visit) -> Response:
    """All tables at once. None of them names a person."""
    numbers = trust_numbers(visit.app, parse_range(visit.query.get("range", DEFAULT_RANGE)))
    if numbers is None:
        return visit.json({"counted": False}, kept=True)
    tables = {
        name: [dict(zip(columns, row, strict=True)) for row in rows_of(numbers, name)]
        for name, columns in COLUMNS.items()
    }
    answer = {
        "counted": True,
        "range": numbers.chosen,
        "since": numbers.since.isoformat(),
        "until": numbers.until.isoformat(),
        "taken_at": numbers.taken_at.isoformat(timespec="seconds"),
        "rounded_down_to": STEP,
        "mandates_of_projects": numbers.of_projects,
        "mandates_of_organizations": numbers.of_organizations,
        **tables,
    }
    return visit.json(answer, kept=True)


def table_csv(visit: Visit) -> Response:
    """One table. An empty cell is a number that is not told."""
    name = visit.path["table"]
    if name not in COLUMNS:
        raise Refused("unknown-table", f"There is no table {name[:60]!r} here.", "See /trust/.", status=404)
    numbers = trust_numbers(visit.app, parse_range(visit.query.get("range", DEFAULT_RANGE)))
    rows = rows_of(numbers, name) if numbers is not None else []
    return csv_answer(visit, f"trust-{name}", COLUMNS[name], rows)


def share(part: int | None, whole: int) -> str:
    """A part in hundredths: 62 %. What is not all is never rounded up to all, nor what is something to nothing."""
    if part is None:
        return "–"
    if not whole:
        return "0 %"
    hundredths = round(100 * part / whole)
    if part < whole:
        hundredths = min(hundredths, 99)
    return f"{max(hundredths, 1) if part else 0} %"


def span(seconds: int | None) -> str:
    """A duration for people."""
    if seconds is None:
        return "–"
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            number = f"{seconds / length:.1f}".removesuffix(".0")
            return f"{number} {unit}{'' if number == '1' else 's'}"
    return f"{seconds} seconds"


def _view(numbers: TrustNumbers) -> TrustView:
    flags = _flags(numbers)
    rows, rows_are = listed(numbers.days)
    return TrustView(
        numbers,
        _accounts_chart(numbers, flags),
        _methods_bar(numbers.today),
        _critical_chart(numbers, flags),
        _people_bars(numbers.people),
        flags,
        rows,
        rows_are,
        _missing(numbers.days),
        _gained(numbers.days),
    )


def _flags(numbers: TrustNumbers) -> list[FlagRow]:
    """The dates of mandates that lie in the range, in their order."""
    moments = [
        (day, what, row.title)
        for row in numbers.mandates
        for day, what in ((row.announced, "announced"), (row.enforced, "enforced"))
        if numbers.since <= day <= numbers.until
    ]
    return [FlagRow(number, *moment) for number, moment in enumerate(sorted(moments), 1)]


def _accounts_chart(numbers: TrustNumbers, flags: Sequence[FlagRow]) -> Markup:
    columns = [Column(one.day, _methods(one), _account_words(one)) for one in numbers.days]
    last = numbers.today
    told = last.second_factor is not None
    words = (
        f"On {_day(last.day)} at least {last.second_factor:,} of {last.accounts:,} accounts had one." if told else ""
    )
    return area_chart(
        "accounts", columns, ("solid", "middle", "third"), since=numbers.since, until=numbers.until,
        title=f"Accounts with a second factor, {_day(numbers.since)} to {_day(numbers.until)}",
        description=words or "Too few accounts have one to tell how many.",
        flags=[Flag(flag.day, flag.number, f"{_day(flag.day)}: {flag.title}, {flag.what}") for flag in flags],
    )  # fmt: skip


def _methods(one: Day) -> tuple[int, ...] | None:
    """What cannot be phished lies lowest."""
    if one.webauthn_only is None or one.both_methods is None or one.totp_only is None:
        return None
    return one.webauthn_only, one.both_methods, one.totp_only


def _account_words(one: Day) -> str:
    if one.second_factor is None:
        return f"{_day(one.day)}: {one.accounts:,} accounts"
    return (
        f"{_day(one.day)}: at least {one.second_factor:,} of {one.accounts:,} accounts: "
        f"WebAuthn alone {one.webauthn_only:,}, both {one.both_methods:,}, TOTP alone {one.totp_only:,}"
    )


def _methods_bar(today: Day) -> Markup:
    values = _methods(today)
    if values is None:
        return Markup()
    names = ("WebAuthn alone", "WebAuthn and TOTP", "TOTP alone")
    parts = [
        Part(kind, value, name) for kind, value, name in zip(("solid", "middle", "third"), values, names, strict=True)
    ]
    parts.append(Part("rest", today.others or 0, "all others"))
    said = "; ".join(f"{part.title}: {part.value:,}" for part in parts)
    return whole_bar("methods", parts, title=f"Accounts by method on {_day(today.day)}", description=f"{said}.")


def _critical_chart(numbers: TrustNumbers, flags: Sequence[FlagRow]) -> Markup:
    if not numbers.today.critical_people:
        return Markup()
    columns = [Column(one.day, _protected(one), _critical_words(one)) for one in numbers.days]
    return area_chart(
        "critical", columns, ("solid", "rest"), since=numbers.since, until=numbers.until,
        title=f"Maintainers of critical projects with a second factor, {_day(numbers.since)} to {_day(numbers.until)}",
        description=_critical_words(numbers.today),
        flags=[Flag(flag.day, flag.number, f"{_day(flag.day)}: {flag.title}, {flag.what}") for flag in flags],
    )  # fmt: skip


def _protected(one: Day) -> tuple[int, int] | None:
    """Who has a second factor, and who has not."""
    if one.critical_protected is None:
        return None
    return one.critical_protected, one.critical_people - one.critical_protected


def _critical_words(one: Day) -> str:
    if one.critical_protected is None:
        return f"{_day(one.day)}: {one.critical_people:,} people"
    return (
        f"{_day(one.day)}: at least {one.critical_protected:,} of {one.critical_people:,} people have a second factor"
    )


def _people_bars(rows: Sequence[PeopleRow]) -> Markup:
    """One bar for each number of people; the highest numbers together in the last."""
    if not rows:
        return Markup()
    counts = {row.people: row.projects for row in rows}
    highest = max(counts)
    shown = range(min(*counts, 1), min(highest, MOST_BARS) + 1)
    parts = [
        Part("warned" if people <= 1 else "solid", counts.get(people, 0), _people_words(people)) for people in shown
    ]
    more = sum(projects for people, projects in counts.items() if people > MOST_BARS)
    if more:
        parts.append(Part("solid", more, f"{MOST_BARS + 1} or more"))
    alone = counts.get(1, 0)
    return rows_of_bars(
        "people", parts, title="Critical projects by the number of people who look after them",
        description=f"{alone:,} depend on one person.",
    )  # fmt: skip


def _people_words(people: int) -> str:
    return {0: "nobody", 1: "1 person"}.get(people, f"{people} people")


def listed(days: Sequence[Day]) -> tuple[list[Day], str]:
    """The rows of the table, newest first: every day of a short range, else the first of each week or month."""
    if len(days) <= DAYS_LISTED:
        return list(reversed(days)), "day"
    weekly = len(days) <= WEEKS_LISTED

    def place(one: Day) -> tuple[int, int]:
        calendar = one.day.isocalendar()
        return (calendar.year, calendar.week) if weekly else (one.day.year, one.day.month)

    first = [days[0], *(after for before, after in pairwise(days) if place(before) != place(after))]
    return list(reversed(first)), "week" if weekly else "month"


def _missing(days: Sequence[Day]) -> int:
    return (days[-1].day - days[0].day) // timedelta(days=1) + 1 - len(days)


def _gained(days: Sequence[Day]) -> int | None:
    told = [one for one in days if one.second_factor is not None and one.accounts]
    if len(told) < 2:  # noqa: PLR2004 - a difference
        return None
    first, last = told[0], told[-1]
    return round(100 * (last.second_factor or 0) / last.accounts) - round(
        100 * (first.second_factor or 0) / first.accounts
    )


def _day(day: date) -> str:
    return f"{day:%-d %b %Y}"
