"""``/api/security/cases/CASE``: the release of a disclosure case, for programs that make it: begin, look, publish.

With an API token for the whole account of somebody who works on the case; for everybody else there is no such case. A
release under embargo is sent by Upload 2.0 like any other, and appears together with its advisory: by the button of the
case's page, or here, where a release pipeline has it pressed after its own gates.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from customhouse.advisories.disclosure.model import Case
from customhouse.app import policy_of
from customhouse.index.disclosing import people
from customhouse.index.disclosing.access import Knock, access, refuse_unless_handles
from customhouse.index.disclosing.publish import PublishCase, publish_case
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.stage import OpenStage, open_stage, session_of
from customhouse.terms.errors import Rejected
from customhouse.web.api.upload2_documents import Addresses
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

AT = "/api/security/cases/{disclosure}"
LONGEST_MANIFEST = 100


def case_release_doors() -> list[Door]:
    """Looking, beginning the release, publishing."""
    return [
        door("GET", AT, get_case, Permission.CASE_RELEASE_READ),
        door("POST", f"{AT}/stage", post_stage, Permission.CASE_RELEASE_STAGE),
        door("POST", f"{AT}/publish", post_publish, Permission.CASE_RELEASE_PUBLISH),
    ]


def get_case(visit: Visit) -> Response:
    """How far the case is, and where its release is made."""
    knock = Knock(visit.path["disclosure"][:40], visit.actor)
    with visit.app.database.read() as sql:
        found = access(sql, knock)
        refuse_unless_handles(found)
    return _told(visit, found.case)


def post_stage(visit: Visit) -> Response:
    """Begin the release with the fix: ``version``."""
    knock = _knock(visit, "version")
    wish = OpenStage(knock, visit.field("version", limit=200, required=True), policy_of(visit.app.settings))
    visit.app.do(open_stage, wish)
    with visit.app.database.read() as sql:
        case = access(sql, knock).case
    return _told(visit, case)


def post_publish(visit: Visit) -> Response:
    """Publish release and advisory in one transaction, and not before the day that was agreed on.

    ``manifest`` is the digest of the release's files; where it is given, nothing is published if they are others.
    """
    knock = _knock(visit, "manifest")
    manifest = visit.field("manifest", limit=LONGEST_MANIFEST)
    settings = visit.app.settings
    wish = PublishCase(knock, policy_of(settings), Rules.of(settings), manifest, by_program=True)
    done = publish_case(visit.app.deeds, wish)
    with visit.app.database.read() as sql:
        _display, normalized = people.display_of(sql, done)
    if normalized:
        visit.app.renderer.render_after_commit(normalized)
    return _told(visit, done)


def _knock(visit: Visit, *fields: str) -> Knock:
    """Who came. Before his wish is read, whoever does not belong to the case hears that there is none."""
    knock = Knock(visit.path["disclosure"][:40], visit.actor)
    with visit.app.database.read() as sql:
        refuse_unless_handles(access(sql, knock))
    unknown = sorted(set(visit.form) - set(fields))
    if unknown:
        raise Rejected("unknown-field", unknown[0][:80], "is not a member of this wish", ", ".join(fields))
    return knock


def _told(visit: Visit, case: Case) -> Response:
    with visit.app.database.read() as sql:
        session = session_of(sql, case)
        display, _normalized = people.display_of(sql, case)
    body: dict[str, Any] = {
        "case": case.public_id,
        "state": case.state,
        "project": display,
        "advisory": case.advisory_id,
        "version": session.version if session is not None else None,
        "session": Addresses(visit.site).session(session.id) if session is not None and session.ongoing else None,
        "page": f"{visit.site}/security/cases/{case.public_id}/",
        "over": not case.open,
        "disclose_by": case.disclose_by.isoformat(),
        "extended_at": case.extended_at.isoformat() if case.extended_at is not None else None,
        "scheduled_for": case.scheduled_for.isoformat() if case.scheduled_for is not None else None,
    }
    response = visit.json(body)
    response.headers["cache-control"] = "private, no-store"
    return response
