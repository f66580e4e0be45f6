"""How well a project is set up to release: for everybody, and for its people with the way to each setting."""

from __future__ import annotations

from itertools import groupby

from starlette.responses import Response

from customhouse.index.checklist.facts import checklist_facts, newest
from customhouse.index.checklist.items import checklist
from customhouse.index.checklist.model import Checklist
from customhouse.release.room.agreed import builders_agreed
from customhouse.trust.issuers import issuers_of
from customhouse.web.doors import Door, door
from customhouse.web.facts import facts_of
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def checklist_doors() -> list[Door]:
    """The doors of the checklist; they stand before those of a project's versions, of which none is called so."""
    return [
        door("GET", "/project/{name}/checklist/", public_page, Permission.PROJECT_READ),
        door("GET", "/manage/project/{name}/checklist/", own_page, Permission.PROJECT_MANAGE_READ),
        door("GET", "/api/projects/{name}/checklist", as_json, Permission.PROJECT_READ),
    ]


def public_page(visit: Visit) -> Response:
    """What everybody may know."""
    return _page(visit, "checklist.html", kept=visit.this_project.public)


def own_page(visit: Visit) -> Response:
    """The same for its people: each item leads to where they do it."""
    return _page(visit, "manage_checklist.html", kept=False)


def as_json(visit: Visit) -> Response:
    """The same for programs."""
    return visit.json(_checklist(visit).to_json(), kept=visit.this_project.public)


def _page(visit: Visit, template: str, *, kept: bool) -> Response:
    found = _checklist(visit)
    groups = [(group, list(items)) for group, items in groupby(found.items, key=lambda item: item.group)]
    return visit.page(template, kept=kept, found=found, groups=groups)


def _checklist(visit: Visit) -> Checklist:
    project = visit.this_project
    facts = facts_of(visit.app, project)
    advice = visit.app.advice.packages([project.normalized])[project.normalized]
    version = newest(facts.files)
    with visit.app.database.read() as sql:
        rebuilds = builders_agreed(sql, visit.app.room.states, project.id, version) if version else None
        found = checklist_facts(
            sql, project, facts.files, advice, visit.app.clock.now(), rebuilds=rebuilds,
            build_services=frozenset(one.url for one in issuers_of(visit.app.settings) if one.build_service),
        )  # fmt: skip
        return checklist(found)
