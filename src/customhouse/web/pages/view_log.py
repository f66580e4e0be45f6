"""``/view/V/log/``: what a view was asked for and what it answered, for operators alone."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from customhouse.views.log.queries import lines
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

MOST_LINES = 300
SPANS = (1, 7, 30)


def view_log_doors() -> list[Door]:
    """The door of the log."""
    return [door("GET", "/view/{view}/log/", show, Permission.ADMIN_READ)]


def show(visit: Visit) -> Response:
    """The newest lines; ``refused=1`` those that were refused, ``days`` how many days, ``project`` one project."""
    view = visit.app.views.get(visit.path["view"])
    asked = visit.query.get("days", "")
    days = int(asked) if asked in {str(one) for one in SPANS} else SPANS[1]
    refused, project = visit.query.get("refused") == "1", visit.query.get("project", "")[:100]
    since = (visit.app.clock.now() - timedelta(days=days - 1)).date()
    with visit.app.database.read() as sql:
        found = lines(sql, view.name, since=since, refused=refused, project=project, limit=MOST_LINES + 1)
    return visit.page(
        "view_log.html", view=view, lines=found[:MOST_LINES], more=len(found) > MOST_LINES, days=days, spans=SPANS,
        refused=refused, project=project, kept_days=visit.app.settings.decisions_days,
    )  # fmt: skip
