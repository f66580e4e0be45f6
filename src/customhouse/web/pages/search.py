"""Searching projects by words: the page and the JSON answer."""

from __future__ import annotations

from starlette.responses import Response

from customhouse.catalog.search.find import MAX_PAGE, RANKED, Found, find
from customhouse.formats.simple import timestamp
from customhouse.terms.errors import Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def search_doors() -> list[Door]:
    """The doors of search."""
    return [
        door("GET", "/search/", search_page, Permission.PUBLIC_READ),
        door("GET", "/api/search", search_json, Permission.PUBLIC_READ),
    ]


def search_page(visit: Visit) -> Response:
    """What a query finds, 20 projects a page."""
    found = _find(visit)
    return visit.page("search.html", kept=True, found=found, many=found.total > RANKED)


def search_json(visit: Visit) -> Response:
    """The same for programs. ``total`` is at most 2,001, which means more than 2,000."""
    found = _find(visit)
    projects = [
        {
            "name": hit.display,
            "version": hit.version,
            "summary": hit.summary,
            "released": timestamp(hit.released_at),
            "url": f"{visit.site}/project/{hit.normalized}/",
        }
        for hit in found.hits
    ]
    answer = {"query": found.query, "page": found.page, "pages": found.pages, "total": found.total}
    return visit.json({**answer, "projects": projects}, kept=True)


def _find(visit: Visit) -> Found:
    text, page = visit.query.get("q", "").strip(), visit.query.get("page", "1")
    number = number_of(page)
    if number is None or len(page) > len(str(MAX_PAGE)):
        raise Rejected("bad-page", "page", f"{page[:40]!r} is no page", f"1 to {MAX_PAGE}")
    with visit.app.database.read() as sql:
        return find(sql, text, page=number)
