"""``/views/`` and ``/view/V/``: which views there are, and how one stands: rules in words, exceptions, ages of data."""

from __future__ import annotations

from starlette.responses import Response

from customhouse.formats.policy.unknown import LOAD_ADVISORIES
from customhouse.terms.errors import Refused
from customhouse.views.queries import all_views
from customhouse.views.standing import standing_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

SAYS = {
    "allow": "lets in", "warn": "warns", "hide": "hides", "deny": "denies", "hold": "holds back",
}  # fmt: skip


def view_doors() -> list[Door]:
    """The doors of the overview and of each view."""
    return [
        door("GET", "/views/", listing, Permission.PUBLIC_READ),
        door("GET", "/view/{view}/", show, Permission.PUBLIC_READ),
    ]


def listing(visit: Visit) -> Response:
    """All views in a line each."""
    now, internal = visit.app.clock.now(), visit.app.settings.internal_names
    with visit.app.database.read() as sql:
        found = [standing_of(sql, one, now, internal) for one in all_views(sql)]
    return visit.page("views.html", views=found)


def show(visit: Visit) -> Response:
    """One view."""
    now, settings = visit.app.clock.now(), visit.app.settings
    view = visit.app.views.find(visit.path["view"])
    if view is None:
        raise Refused("unknown-view", "There is no such view here.", status=404)
    with visit.app.database.read() as sql:
        found = standing_of(sql, view, now, settings.internal_names)
    return visit.page(
        "view.html", found=found, says=SAYS, address=f"{visit.site}/view/{view.name}/simple/", offline=settings.offline,
        load=LOAD_ADVISORIES,
    )  # fmt: skip
