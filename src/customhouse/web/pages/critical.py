"""Critical projects: which, why, since when, and how much of all downloads they have; and the operators' desk."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from starlette.responses import Response

from customhouse.catalog import critical_counts
from customhouse.catalog.critical import WINDOW_DAYS, Count, Mark
from customhouse.index.mark_critical import all_marks, reviews
from customhouse.web.csv_table import csv_answer
from customhouse.web.doors import Door, door
from customhouse.web.pages.curve_chart import Point, curve_chart
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

SHOWN = 500
SOURCES = {
    "rule": "downloads", "list": "the operators’ list", "dependency": "this index needs it", "operator": "an operator",
}  # fmt: skip


def critical_doors() -> list[Door]:
    """The doors of the critical projects."""
    return [
        door("GET", "/critical/", critical, Permission.PUBLIC_READ),
        door("GET", "/critical/data.json", data_json, Permission.PUBLIC_READ),
        door("GET", "/critical/projects.csv", projects_csv, Permission.PUBLIC_READ),
        door("GET", "/critical/curve.csv", curve_csv, Permission.PUBLIC_READ),
        door("GET", "/admin/critical/", desk, Permission.ADMIN_READ),
    ]


def critical(visit: Visit) -> Response:
    """The public critical projects by rank, and the curve."""
    marks, count = _look(visit)
    return visit.page(
        "critical.html", kept=True, marks=marks[:SHOWN], total=len(marks), count=count, sources=SOURCES,
        chart=_chart(count) if count is not None and count.downloads else Markup(), days=WINDOW_DAYS,
        rule=visit.app.settings.critical_rule,
    )  # fmt: skip


def data_json(visit: Visit) -> Response:
    """The same for programs: marks, and the curve as it was counted last."""
    marks, count = _look(visit)
    answer = {
        "rule": visit.app.settings.critical_rule,
        "counted": _count(count) if count is not None else None,
        "projects": [
            {
                "project": one.normalized, "reason": one.reason, "source": one.source,
                "marked_at": one.marked_at.isoformat(timespec="seconds"), "rank": one.rank, "downloads": one.downloads,
            }
            for one in marks
        ],
    }  # fmt: skip
    return visit.json(answer, kept=True)


def projects_csv(visit: Visit) -> Response:
    """One line for each mark. Reasons stand in the JSON."""
    marks, _ = _look(visit)
    rows = (
        (one.rank, one.normalized, one.downloads, one.source, one.marked_at.isoformat(timespec="seconds"))
        for one in marks
    )
    return csv_answer(visit, "critical-projects", ("rank", "project", "downloads", "source", "marked_at"), rows)


def curve_csv(visit: Visit) -> Response:
    """One line for each point of the curve."""
    _, count = _look(visit)
    rows = [(one.projects, one.downloads, f"{one.share:.6f}") for one in (count.curve if count is not None else ())]
    return csv_answer(visit, "critical-curve", ("projects", "downloads", "share"), rows)


def desk(visit: Visit) -> Response:
    """Marks that operators have taken away, those first that the rule asks about; and all marks."""
    with visit.app.database.read() as sql:
        rows, marks = reviews(sql), all_marks(sql)
    return visit.page("admin_critical.html", reviews=rows, marks=marks, sources=SOURCES, shown=SHOWN)


def _look(visit: Visit) -> tuple[list[Mark], Count | None]:
    with visit.app.database.read(snapshot=True) as sql:
        return critical_counts.public_marks(sql), critical_counts.latest_count(sql)


def _chart(count: Count) -> Markup:
    points = [Point(one.projects, one.share) for one in count.curve]
    mark = Point(count.marked, count.marked_share) if count.marked else None
    return curve_chart(
        "coverage", points, mark, title="Share of all downloads by number of projects",
        description=_words(count),
    )  # fmt: skip


def _words(count: Count) -> str:
    said = [f"{one.projects:,} projects have {one.share:.1%}" for one in _few(count)]
    return f"Of {count.downloads:,} downloads: {', '.join(said)}."


def _few(count: Count) -> Sequence[Point]:
    """The points at powers of ten, and the last one."""
    tens = {10**power for power in range(8)}
    chosen = [Point(one.projects, one.share) for one in count.curve if one.projects in tens]
    last = count.curve[-1] if count.curve else None
    return chosen if last is None or last.projects in tens else [*chosen, Point(last.projects, last.share)]


def _count(count: Count) -> dict[str, object]:
    return {
        "day": count.day.isoformat(), "since": count.since.isoformat(), "projects": count.projects,
        "downloads": count.downloads, "critical": count.marked, "critical_downloads": count.marked_downloads,
        "critical_share": round(count.marked_share, 6),
        "curve": [
            {"projects": one.projects, "downloads": one.downloads, "share": round(one.share, 6)} for one in count.curve
        ],
    }  # fmt: skip
