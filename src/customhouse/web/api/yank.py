"""``POST /api/projects/NAME/versions/VERSION/yank`` and ``…/unyank``: yanking by programs, with an API token.

A flat JSON object: ``reason`` (why installers should pass it over), and ``filename`` if it is about one file only. An
empty body does for both. The answer says what is yanked now.
"""

from __future__ import annotations

from starlette.responses import Response

from customhouse.index.yank import Yank, yank
from customhouse.terms.errors import Rejected
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

FIELDS = ("reason", "filename")


def yank_api_doors() -> list[Door]:
    """The two doors of yanking for programs."""
    at = "/api/projects/{name}/versions/{version}/"
    return [
        door("POST", at + "yank", post_yank, Permission.PROJECT_YANK),
        door("POST", at + "unyank", post_unyank, Permission.PROJECT_YANK),
    ]


def post_yank(visit: Visit) -> Response:
    """Yank a release or one of its files."""
    return _yank(visit, undo=False)


def post_unyank(visit: Visit) -> Response:
    """Take it back."""
    return _yank(visit, undo=True)


def _yank(visit: Visit, *, undo: bool) -> Response:
    unknown = sorted(set(visit.form) - set(FIELDS))
    if unknown:
        raise Rejected("unknown-field", unknown[0][:80], "is not a member of a yank", ", ".join(FIELDS))
    version, filename = visit.path["version"], visit.field("filename", limit=500)
    reason = visit.field("reason", limit=1000)
    name = visit.app.do(yank, Yank(visit.path["name"], version, filename, reason, undo=undo, by=visit.actor))
    visit.app.renderer.render_after_commit(name)
    return visit.json({"project": name, "version": version, "filename": filename or None, "yanked": not undo})
