"""The page on which somebody reports a project, and sees what became of his reports about it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from packaging.version import Version
from starlette.responses import RedirectResponse, Response

from customhouse.catalog import queries as catalog
from customhouse.catalog import rights
from customhouse.catalog.model import Project
from customhouse.formats.problems import sentence_of, status_of
from customhouse.index.report import FileReport, Rules
from customhouse.reports import queries
from customhouse.reports.claim import FIELDS, MAX_EXCERPT, MAX_TEXT, Kind, parse_claim
from customhouse.reports.model import outcome
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import normalize
from customhouse.web.api.reports import send_report
from customhouse.web.doors import Door, door
from customhouse.web.facts import unknown_project
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

KIND_LABELS: Mapping[Kind, tuple[str, str]] = {
    "malware": ("Malware", "It does harm: steals, destroys, opens a door, or installs something that does."),
    "typosquat": ("Typosquat", "Its name is made to be mistaken for that of another project."),
    "dependency-confusion": (
        "Dependency confusion", "Its name is that of a private package, so that installers take this one instead."
    ),
    "spam": ("Spam", "It is no package but an advertisement or rubbish."),
    "something-else": ("Something else", "It breaks the rules of this index in another way."),
}  # fmt: skip
OUTCOMES = {
    "open": "waits for an operator",
    "confirmed": "confirmed",
    "rejected": "not confirmed",
    "neutral": "closed",
}


def report_doors() -> list[Door]:
    """The doors of the report page."""
    return [
        door("GET", "/project/{name}/report", with_slash, Permission.REPORT_FORM),
        door("GET", "/project/{name}/report/", report_form, Permission.REPORT_FORM),
        door("POST", "/project/{name}/report/", report, Permission.REPORT_WRITE),
    ]


def with_slash(visit: Visit) -> Response:
    """On to the address that ends as all of ours do."""
    return RedirectResponse(f"/project/{_project(visit).normalized}/report/", 301)


def report_form(visit: Visit) -> Response:
    """Ask what is wrong; ``?version=`` and ``?file=`` come from the page where somebody saw it."""
    asked = {name: visit.query.get(name, "")[:500] for name in ("version", "file")}
    return _page(visit, asked, "", HTTPStatus.OK)


def report(visit: Visit) -> Response:
    """Take the report, or show the form again with what was typed and what is wrong with it."""
    project = _project(visit)
    try:
        command = FileReport(project.normalized, parse_claim(visit.form), visit.actor, Rules.of(visit.app.settings))
        taken = send_report(visit, command)
    except (Rejected, Refused) as error:
        return _page(visit, visit.form, sentence_of(error), status_of(error))
    said = f"Thank you. An operator reads every report; yours belongs to case {taken.case_id}."
    if taken.quarantined is not None:
        what = f"Version {taken.quarantined}" if taken.quarantined else "The project"
        said += f" {what} is quarantined until then."
    return visit.go(f"/project/{taken.project}/report/", said=said)


def _page(visit: Visit, typed: Mapping[str, str], problem: str, status: int) -> Response:
    project = _project(visit)
    with visit.app.database.read() as sql:
        versions = catalog.versions_of(sql, project.id)
        mine = queries.sent_about(sql, visit.me.id, project.id)
    rows = [(one.filed, OUTCOMES[outcome(one.filed.claim.kind, one.verdict)], one.note) for one in mine]
    return visit.page(
        "report.html",
        status=status,
        project=project,
        versions=sorted(versions, key=Version, reverse=True),
        kinds=KIND_LABELS,
        typed={name: typed.get(name, "") for name in FIELDS},
        problem=problem,
        mine=rows,
        max_text=MAX_TEXT,
        max_excerpt=MAX_EXCERPT,
    )


def _project(visit: Visit) -> Project:
    """The project of the address; a stranger to a private one hears that there is none."""
    with visit.app.database.read() as sql:
        found = catalog.find_project(sql, normalize(visit.path["name"]))
        if found is None or found.deleted_at is not None or not rights.standing(sql, found, visit.actor).reads:
            raise unknown_project(visit.path["name"])
    return found
