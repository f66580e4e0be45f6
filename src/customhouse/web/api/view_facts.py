"""``GET /api/views/V``: what a view is, for whoever records what a lock came through."""

from __future__ import annotations

from starlette.responses import Response

from customhouse.formats.simple import timestamp
from customhouse.terms.digest import Digest
from customhouse.views.offering import policy_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def view_facts_doors() -> list[Door]:
    """The door."""
    return [door("GET", "/api/views/{view}", view_facts, Permission.PUBLIC_READ)]


def view_facts(visit: Visit) -> Response:
    """Its upstreams, and by what it lets in. The policy's text is shown on the view's page; here is its digest."""
    view = visit.app.views.get(visit.path["view"])
    policy = policy_of(view, visit.app.views.around.internal_names)
    return visit.json({
        "view": view.name, "upstreams": list(view.upstreams), "level": policy.level,
        "policy-sha256": Digest.of(view.policy.encode()).hex, "epoch": view.epoch,
        "changed-at": timestamp(view.changed_at) if view.changed_at is not None else None,
    })  # fmt: skip
