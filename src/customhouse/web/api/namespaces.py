"""``/namespaces`` and ``/namespace/NAME``: reserved prefixes as PEP 752 describes them (simple API 1.5)."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from customhouse.catalog import namespaces
from customhouse.formats.negotiate import JSON
from customhouse.terms.errors import Refused
from customhouse.terms.names import normalize
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def namespace_doors() -> list[Door]:
    """The two doors of PEP 752."""
    return [
        door("GET", "/namespaces", listing, Permission.PUBLIC_READ),
        door("GET", "/namespace/{namespace}", detail, Permission.PUBLIC_READ),
    ]


def listing(visit: Visit) -> Response:
    """Every reserved namespace."""
    with visit.app.database.read() as sql:
        grants = namespaces.all_grants(sql)
    return _as_simple(visit.json([{"name": grant.prefix} for grant in grants], kept=True))


def detail(visit: Visit) -> Response:
    """One namespace, what lies around and directly inside it, and whose it is."""
    text = visit.path["namespace"]
    name = normalize(text)
    with visit.app.database.read() as sql:
        grants = namespaces.all_grants(sql)
    found = next((grant for grant in grants if grant.prefix == name), None)
    if found is None:
        raise Refused("unknown-namespace", f"The namespace {text[:100]!r} is reserved for nobody.", status=404)
    if text != name:
        return RedirectResponse(f"/namespace/{quote(name)}", 301)
    parent, children = namespaces.family(name, grants)
    value = {"name": name, "parent": parent, "children": children, "owner": found.organization}
    return _as_simple(visit.json(value, kept=True))


def _as_simple(response: Response) -> Response:
    """The media type of the simple API, of which this is a part."""
    response.headers["content-type"] = JSON
    return response
