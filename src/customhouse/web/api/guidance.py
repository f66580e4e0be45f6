"""A view's amendments as files for installers: ``/view/V/constraints.txt``, ``overrides.txt`` and ``uv.toml``.

``?for=foo&for=bar==2.0`` names the set that a file is for; ``?widening=1`` asks for what widens, too.
``/api/views/V/amendments`` has the signed records, with those that were withdrawn.
"""

from __future__ import annotations

from starlette.responses import Response

from customhouse.formats.problems import SECURITY_HEADERS
from customhouse.index.amending.queries import all_in
from customhouse.serve.conditions import none_match
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Rejected
from customhouse.views.guidance import Guide, read_set
from customhouse.web.api.amendments import plain_told
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

SHARED_FOR_A_MINUTE = "public, max-age=0, must-revalidate, s-maxage=30"


def guidance_doors() -> list[Door]:
    """The doors of the files, and of the records that are in one view alone."""
    read = Permission.PUBLIC_READ
    return [
        door("GET", "/view/{view}/constraints.txt", constraints, read),
        door("GET", "/view/{view}/overrides.txt", overrides, read),
        door("GET", "/view/{view}/uv.toml", uv, read),
        door("GET", "/api/views/{view}/amendments", records, read),
    ]


def constraints(visit: Visit) -> Response:
    """What narrows, for ``pip -c`` and ``uv pip -c``."""
    guide, texts = _guide(visit)
    return _text(visit, guide.constraints(read_set(texts)))


def overrides(visit: Visit) -> Response:
    """What widens, for ``uv --override``."""
    guide, texts = _guide(visit)
    return _text(visit, guide.overrides(read_set(texts), widening=_widening(visit)))


def uv(visit: Visit) -> Response:
    """What the amended releases require, for uv's settings."""
    guide, texts = _guide(visit)
    return _text(visit, guide.uv(read_set(texts), widening=_widening(visit)), "application/toml")


def records(visit: Visit) -> Response:
    """What operators have said in this view."""
    view = visit.app.views.get(visit.path["view"])
    with visit.app.database.read() as sql:
        told = all_in(sql, view.name)
    return visit.json({"amendments": [plain_told(one) for one in told]}, kept=True)


def _guide(visit: Visit) -> tuple[Guide, list[str]]:
    unknown = sorted(set(visit.query) - {"for", "widening"})
    if unknown:
        raise Rejected("unknown-parameter", unknown[0][:80], "is not known here", "for, widening")
    view = visit.app.views.get(visit.path["view"])
    return Guide(visit.app.views, view), visit.request.query_params.getlist("for")


def _widening(visit: Visit) -> bool:
    text = visit.query.get("widening", "0")
    if text not in ("0", "1"):
        raise Rejected("bad-parameter", "widening", f"{text[:40]!r} is neither 0 nor 1", "widening=1")
    return text == "1"


def _text(visit: Visit, text: str, media_type: str = "text/plain") -> Response:
    body = text.encode()
    etag = f'"{Digest.of(body).hex[:32]}"'
    security = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
    headers = {"etag": etag, "cache-control": SHARED_FOR_A_MINUTE} | security
    if none_match(visit.request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers | {"content-type": f"{media_type}; charset=utf-8"})
