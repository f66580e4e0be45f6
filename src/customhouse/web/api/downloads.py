"""``/api/projects/NAME/downloads`` and ``…/downloads.csv``: how often a project was taken, for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from starlette.responses import Response, StreamingResponse

from customhouse.app import App
from customhouse.catalog.downloads import queries
from customhouse.terms.errors import Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.csv_table import csv_headers, csv_lines
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

DEFAULT_DAYS, MOST_DAYS = 90, 366
_COLUMNS = ("day", "version", "filename", "raw", "counted")


def download_doors() -> list[Door]:
    """The doors of the download counts."""
    return [
        door("GET", "/api/projects/{name}/downloads", downloads_json, Permission.PROJECT_READ),
        door("GET", "/api/projects/{name}/downloads.csv", downloads_csv, Permission.PROJECT_READ),
    ]


def downloads_json(visit: Visit) -> Response:
    """Sums by day, version and file.

    ``raw`` is every download, ``counted`` takes each client network once per file and day. Days of files that are
    deleted by now stay in ``total`` and ``days``; ``versions`` and ``files`` name only what is listed.
    """
    project, since, until = visit.this_project, _since(visit), visit.app.clock.now().date()
    with visit.app.database.read(snapshot=True) as sql:
        total = queries.downloads_of(sql, project.id, since)
        days = queries.by_day(sql, project.id, since)
        versions = queries.by_version(sql, project.id, since)
        files = queries.by_file(sql, project.id, since)
        origin_only = visit.app.settings.cdn and not queries.is_any_log_imported(sql)
    answer = {
        "project": project.normalized,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "origin_only": origin_only,
        "total": total._asdict(),
        "days": [row._asdict() | {"day": row.day.isoformat()} for row in days],
        "versions": [row._asdict() for row in versions],
        "files": [row._asdict() for row in files],
    }
    return visit.json(answer, kept=project.public)


def downloads_csv(visit: Visit) -> Response:
    """One line per day and listed file, oldest day first."""
    project, since, until = visit.this_project, _since(visit), visit.app.clock.now().date()
    return StreamingResponse(
        _csv_lines(visit.app, project.id, since, until),
        headers=csv_headers(visit, f"{project.normalized}-downloads", public=project.public),
    )


def _csv_lines(app: App, project_id: int, since: date, until: date) -> Iterator[str]:
    """A day at a time, each with a short look at the database: a slow client holds no transaction open."""
    yield csv_lines([_COLUMNS])
    for day in (since + timedelta(days=number) for number in range((until - since).days + 1)):
        with app.database.read() as sql:
            rows = queries.files_of_day(sql, project_id, day)
        if rows:
            yield csv_lines([(day, row.version, row.filename, row.raw, row.counted) for row in rows])


def _since(visit: Visit) -> date:
    text = visit.query.get("days", str(DEFAULT_DAYS))
    days = number_of(text)
    if days is None or not 1 <= days <= MOST_DAYS:
        raise Rejected("bad-days", "days", f"{text[:40]!r} is no number of days", f"1 to {MOST_DAYS}")
    return queries.first_day(visit.app.clock.now(), days)
