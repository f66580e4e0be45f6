"""``/api/bundled``: who bundles a library, for programs."""

from __future__ import annotations

from starlette.responses import Response

from customhouse.index.bundling.who import who_bundles
from customhouse.terms.errors import Rejected
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def bundled_api_doors() -> list[Door]:
    """The door of the question."""
    return [door("GET", "/api/bundled", bundled_json, Permission.PUBLIC_READ)]


def bundled_json(visit: Visit) -> Response:
    """``library=libwebp`` with ``below=1.3.2`` or ``range=>=1.0,<1.3.2``: the files, those of unknown version apart."""
    library, below, text = (visit.query.get(name, "").strip() for name in ("library", "below", "range"))
    if below and text:
        raise Rejected("two-ranges", "range", "both 'below' and 'range' are given", "one of the two")
    with visit.app.database.read() as sql:
        found = who_bundles(sql, library, f"<{below}" if below else text, visit.app.clock.now())
    return visit.json(found.to_dict(), kept=True)
