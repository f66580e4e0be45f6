"""The downloads on a project's page: totals, a chart, and the same in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from markupsafe import Markup

from customhouse.app import App
from customhouse.catalog.downloads import queries
from customhouse.catalog.downloads.queries import DaySums, Sums
from customhouse.catalog.model import Project
from customhouse.web.pages.chart import Bar, bar_chart

CHART_DAYS, TOTAL_DAYS = 90, 30
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class WeekRow:
    """One line of the table: seven days, the last week perhaps fewer."""

    first: date
    counted: int
    raw: int


@dataclass(frozen=True, slots=True)
class DownloadsView:
    """What the page says about downloads."""

    total: Sums
    """Of the last 30 days."""
    chart: Markup
    """Empty if nobody took anything in 90 days."""
    weeks: Sequence[WeekRow]
    origin_only: bool
    address: str
    """Of the same for programs."""


def downloads_view(app: App, project: Project) -> DownloadsView:
    """The downloads of the last 90 days."""
    now = app.clock.now()
    since = queries.first_day(now, CHART_DAYS)
    with app.database.read() as sql:
        taken = queries.by_day(sql, project.id, since)
        origin_only = app.settings.cdn and not queries.is_any_log_imported(sql)
    days = _every_day(taken, since, now)
    recent = [row for row in days if row.day >= queries.first_day(now, TOTAL_DAYS)]
    total = Sums(sum(row.raw for row in recent), sum(row.counted for row in recent))
    return DownloadsView(
        total=total,
        chart=_chart(project.display, days) if taken else Markup(),
        weeks=_weeks(days) if taken else [],
        origin_only=origin_only,
        address=f"/api/projects/{project.normalized}/downloads",
    )


def _every_day(taken: Sequence[DaySums], since: date, now: datetime) -> list[DaySums]:
    known = {row.day: row for row in taken}
    days = (since + timedelta(days=number) for number in range((now.date() - since).days + 1))
    return [known.get(day, DaySums(day, 0, 0)) for day in days]


def _chart(display: str, days: Sequence[DaySums]) -> Markup:
    highest = max(days, key=lambda row: row.counted)
    bars = [Bar(row.day, row.counted, row.raw, f"{_day(row.day)}: {_words(row)}") for row in days]
    return bar_chart(
        "downloads",
        bars,
        title=f"Downloads of {display} by day, {_day(days[0].day)} to {_day(days[-1].day)}",
        description=f"The most were counted on {_day(highest.day)}: {_words(highest)}.",
    )


def _weeks(days: Sequence[DaySums]) -> list[WeekRow]:
    """Newest first."""
    rows = []
    for start in range(0, len(days), _WEEK.days):
        week = days[start : start + _WEEK.days]
        rows.append(WeekRow(week[0].day, sum(row.counted for row in week), sum(row.raw for row in week)))
    return rows[::-1]


def _words(row: DaySums) -> str:
    return f"{row.counted:,} counted, {row.raw:,} in all"


def _day(day: date) -> str:
    return f"{day:%-d %b %Y}"
