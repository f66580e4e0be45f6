"""Where advisories come from, for operators: when each source was read last, and what could not be read."""

from __future__ import annotations

from starlette.responses import Response

from customhouse.advisories.model import OWN
from customhouse.advisories.sources import rows
from customhouse.web.doors import Door, door
from customhouse.web.pages.diff import visible
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

SHOWN = 50


def advisory_source_doors() -> list[Door]:
    """The one door of this page."""
    return [door("GET", "/admin/sources/", all_sources, Permission.ADMIN_READ)]


def all_sources(visit: Visit) -> Response:
    """Every source, with the beginning of what is wrong with it."""
    with visit.app.database.read() as sql:
        found, counts = rows.sources(sql), rows.records_by_source(sql)
        problems = {one.name: rows.problems(sql, one.name)[:SHOWN] for one in found if one.problems}
    return visit.page(
        "admin_sources.html", found=found, counts=counts, problems=problems, own=counts.get(OWN, 0), visible=visible
    )
