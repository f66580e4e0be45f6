"""VEX for programs: what a project says of vulnerabilities, as OpenVEX, CSAF 2.0 or CycloneDX; and saying it.

``GET /api/projects/NAME/vex`` and ``GET /api/advisories/ID/vex``, with ``?format=csaf`` or ``cyclonedx`` for the
others. ``POST /api/projects/NAME/vex`` takes a flat JSON object with the members of `FIELDS`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from sqlalchemy.engine import Connection
from starlette.responses import Response

from customhouse.advisories import queries as advisories
from customhouse.formats.vex.csaf import Publisher, write_csaf
from customhouse.formats.vex.cyclonedx import write_cyclonedx
from customhouse.formats.vex.model import Document, Written
from customhouse.formats.vex.openvex import write_openvex
from customhouse.index.vex import queries
from customhouse.index.vex.model import Stated, document_of, statement_of
from customhouse.index.vex.state import StateVex, WithdrawVex, state_vex, withdraw_vex
from customhouse.terms.errors import Refused, Rejected
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

FIELDS = (
    "vulnerability", "status", "specifier", "part", "part_specifier", "justification", "impact", "action", "reason",
    "expires",
)  # fmt: skip
_MEDIA = {
    "openvex": "application/json",
    "csaf": "application/json",
    "cyclonedx": "application/vnd.cyclonedx+json",
}


def vex_api_doors() -> list[Door]:
    """The doors of VEX for programs."""
    return [
        door("GET", "/api/projects/{name}/vex", of_project, Permission.PROJECT_READ),
        door("POST", "/api/projects/{name}/vex", post_statement, Permission.PROJECT_VEX),
        door("POST", "/api/projects/{name}/vex/{statement}/withdraw", post_withdrawal, Permission.PROJECT_VEX),
        door("GET", "/api/advisories/{advisory}/vex", of_advisory, Permission.PUBLIC_READ),
    ]


def of_project(visit: Visit) -> Response:
    """Everything that a project says."""
    found = visit.this_project
    with visit.app.database.read() as sql:
        rows = queries.of_project(sql, found.id)
        aliases = _aliases(sql, rows)
    where = f"{visit.site}/api/projects/{found.normalized}/vex"
    return _answer(visit, where, f"The maintainers of {found.display}", rows, aliases)


def of_advisory(visit: Visit) -> Response:
    """Everything that public projects say of one vulnerability."""
    wanted = visit.path["advisory"]
    with visit.app.database.read() as sql:
        names = names_of(sql, wanted)
        rows = queries.about(sql, names) if names else []
        aliases = _aliases(sql, rows)
    if not names:
        raise Refused("unknown-advisory", f"Nothing is known here of {wanted[:100]!r}.", status=404)
    return _answer(visit, f"{visit.site}/api/advisories/{wanted}/vex", visit.app.settings.site_name, rows, aliases)


def names_of(sql: Connection, wanted: str) -> frozenset[str]:
    """Every name of the vulnerability that goes by this one; none if no record has it."""
    same = advisories.same_as(sql, wanted)
    return frozenset(name for one in same for name in (one.id, *one.record.aliases))


def _aliases(sql: Connection, rows: Sequence[Stated]) -> dict[str, frozenset[str]]:
    return {name: names_of(sql, name) for name in {row.vulnerability for row in rows}}


def _answer(
    visit: Visit, where: str, author: str, rows: Sequence[Stated], aliases: dict[str, frozenset[str]]
) -> Response:
    kind = visit.query.get("format", "openvex")
    if kind not in _MEDIA:
        raise Rejected("bad-format", "format", f"{kind[:40]!r} is not known", ", ".join(_MEDIA))
    today = visit.app.clock.now().date()
    statements = [statement_of(row, visit.site, aliases[row.vulnerability]) for row in rows if row.holds(today)]
    if not statements:
        raise Refused("no-statements", "Nobody has said anything that counts today.", status=404)
    document = document_of(where, author, statements, visit.app.clock.now())
    written = _written(kind, document, visit.site)
    body = json.dumps(written.document, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"x-content-type-options": "nosniff", "cache-control": "private, no-store"}
    return Response(body, headers=headers, media_type=_MEDIA[kind])


def _written(kind: str, document: Document, site: str) -> Written:
    match kind:
        case "csaf":
            return write_csaf(document, Publisher(site, "other"))
        case "cyclonedx":
            return write_cyclonedx(document)
        case _:
            return write_openvex(document)


def post_statement(visit: Visit) -> Response:
    """Say something of a vulnerability: 201 with its id."""
    unknown = sorted(set(visit.form) - set(FIELDS))
    if unknown:
        raise Rejected("unknown-field", unknown[0][:80], "is not a member of a statement", ", ".join(FIELDS))
    statement = visit.app.do(state_vex, command_of(visit))
    return visit.json({"id": statement, "project": visit.this_project.normalized}, status=201)


def command_of(visit: Visit) -> StateVex:
    """The wish of a form or of a JSON object."""
    expires = visit.field("expires", limit=40)
    try:
        day = date.fromisoformat(expires) if expires else None
    except ValueError as error:
        raise Rejected("bad-vex", "expires", f"{expires!r} is no day", "like 2027-02-01, or nothing") from error
    return StateVex(
        visit.path["name"], visit.field("vulnerability", limit=200, required=True),
        visit.field("status", limit=60, required=True), visit.field("specifier"), visit.field("part", limit=200),
        visit.field("part_specifier"), visit.field("justification", limit=100), visit.field("impact"),
        visit.field("action"), visit.field("reason"), day, visit.actor,
    )  # fmt: skip


def post_withdrawal(visit: Visit) -> Response:
    """Take a statement back."""
    about = visit.app.do(withdraw_vex, WithdrawVex(visit.path["name"], visit.path["statement"], visit.actor))
    return visit.json({"withdrawn": visit.path["statement"], "vulnerability": about})
