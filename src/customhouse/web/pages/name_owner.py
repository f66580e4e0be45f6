"""Who owns a name? For everybody, as far as everybody may know; for operators, all of it."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from customhouse.terms.names import ProjectName
from customhouse.views.names.known import KnownNames
from customhouse.views.names.owner import WORDS, owner_of, public_owner
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def name_owner_doors() -> list[Door]:
    """The door of the page about one name."""
    return [door("GET", "/name/{name}/", name_owner, Permission.PUBLIC_READ)]


def name_owner(visit: Visit) -> Response:
    """The answer. A private, deleted, prohibited or waiting name looks like one that nobody has."""
    wanted = ProjectName.parse(visit.path["name"])
    if wanted.display != wanted.normalized:
        return RedirectResponse(f"/name/{wanted.normalized}/", 301)
    upstreams = list(visit.app.upstreams.indexes)
    with visit.app.database.read() as sql:
        found = public_owner(sql, wanted)
        known = KnownNames(visit.app.settings.internal_names)
        told = owner_of(sql, wanted, known, upstreams) if visit.actor.operator else None
    words = WORDS[told.whose] if told is not None else ""
    return visit.page("name.html", found=found, told=told, words=words, upstreams=upstreams)
