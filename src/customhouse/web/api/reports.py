"""``POST /api/projects/NAME/reports``: report a project, for programs that scan packages.

A flat JSON object with the members of `FIELDS`; ``kind`` and ``text`` are needed. 201 with the report's and the case's
number, and with what the report has brought about.
"""

from __future__ import annotations

from starlette.responses import Response

from customhouse.index.report import FileReport, ReportTaken, Rules, file_report
from customhouse.reports.claim import FIELDS, parse_claim
from customhouse.terms.errors import Rejected
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def report_api_doors() -> list[Door]:
    """The door for reports by programs."""
    return [door("POST", "/api/projects/{name}/reports", post_report, Permission.REPORT_WRITE)]


def post_report(visit: Visit) -> Response:
    """Take a report. A member that is not known is named, so that no evidence is lost by a slip."""
    unknown = sorted(set(visit.form) - set(FIELDS))
    if unknown:
        raise Rejected("unknown-field", unknown[0][:80], "is not a member of a report", ", ".join(FIELDS))
    taken = send_report(
        visit, FileReport(visit.path["name"], parse_claim(visit.form), visit.actor, Rules.of(visit.app.settings))
    )
    answer = {
        "report": taken.report_id,
        "case": taken.case_id,
        "project": taken.project,
        "opened": taken.opened,
        "quarantined": None if taken.quarantined is None else taken.quarantined or "project",
    }
    return visit.json(answer, status=201)


def send_report(visit: Visit, command: FileReport) -> ReportTaken:
    """Do the deed, and render at once what it has changed."""
    taken = visit.app.do(file_report, command)
    if taken.quarantined is not None:
        visit.app.renderer.render_after_commit(taken.project)
    return taken
