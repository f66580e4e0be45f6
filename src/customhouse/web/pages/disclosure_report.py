"""Reporting a vulnerability privately, signed in or not."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from http import HTTPStatus

from starlette.responses import Response

from customhouse.accounts.limits import Counted, Limit, network_of
from customhouse.accounts.mail_address import MailAddress
from customhouse.advisories.disclosure.clocks import ACKNOWLEDGE, DECIDE
from customhouse.advisories.disclosure.draft import LONGEST_TITLE, one_line
from customhouse.advisories.disclosure.queries import policy_of
from customhouse.catalog import queries
from customhouse.formats.problems import sentence_of, status_of
from customhouse.index.disclosing.complete_letter import page_address
from customhouse.index.disclosing.receive import LONGEST_REPORT, Report, project_id_of, receive
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.set_policy import LONGEST as LONGEST_POLICY
from customhouse.index.disclosing.set_policy import SetPolicy, set_policy
from customhouse.infra.mail import address
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.secret_address import without_referrer
from customhouse.web.visit import Visit

REPORTS = Limit("disclosure", 10, timedelta(days=1))
"""So many reports come from one network, or from one account, in a day."""
_FIELDS = ("project", "title", "text", "email", "name")


def disclosure_report_doors() -> list[Door]:
    """The form and where it goes."""
    return [
        door("GET", "/security/report/", report_form, Permission.DISCLOSURE_FORM),
        door("POST", "/security/report/", report, Permission.DISCLOSURE_REPORT),
        door("GET", "/manage/project/{name}/security/", policy_form, Permission.PROJECT_SETTINGS_READ),
        door("POST", "/manage/project/{name}/security/", change_policy, Permission.PROJECT_SETTINGS),
    ]


def report_form(visit: Visit) -> Response:
    """Ask what is wrong; ``?project=`` comes from the project's page."""
    return _form(visit, {"project": visit.query.get("project", "")[:100]}, "", HTTPStatus.OK)


def report(visit: Visit) -> Response:
    """Take it, and show the way to its case. Whether the project is here is told to nobody by this."""
    try:
        command = _parse(visit)
    except Rejected as error:
        return _form(visit, visit.form, sentence_of(error), status_of(error))
    whom = f"account {visit.user.id}" if visit.user is not None else network_of(visit.address)
    visit.app.limiter.take(Counted(REPORTS, whom), sentence="Too many reports came from you today.")
    rules = Rules.of(visit.app.settings)
    taken = visit.app.do(partial(receive, rules), command)
    page = page_address(visit.app.key, taken.case, taken.reporter, "")
    if taken.reporter.account_id is not None:
        return visit.go(page, said="Thank you. Somebody answers within three days.")
    return without_referrer(visit.page("disclosure_sent.html", page=page, mail=command.email))


def policy_form(visit: Visit) -> Response:
    """What the project says of how to report vulnerabilities."""
    with visit.app.database.read() as sql:
        text = policy_of(sql, visit.this_project.id)
    return visit.page("security_policy.html", text=text, longest=LONGEST_POLICY)


def change_policy(visit: Visit) -> Response:
    """Say something else."""
    name = visit.this_project.normalized
    visit.app.do(set_policy, SetPolicy(name, visit.form.get("text", ""), visit.actor))
    return visit.go(f"/manage/project/{name}/security/", said="Whoever reports a vulnerability reads it from now on.")


def _parse(visit: Visit) -> Report:
    text = visit.field("text", limit=LONGEST_REPORT, required=True)
    email = ""
    if visit.user is None and visit.field("email", limit=254):
        email = MailAddress.parse(visit.field("email", limit=254)).text
    return Report(
        one_line(visit.field("title", limit=LONGEST_TITLE, required=True), "title", LONGEST_TITLE), text,
        visit.field("project", limit=100), visit.actor, email=email,
        name=one_line(visit.form.get("name", ""), "name", 120) if visit.user is None else "",
    )  # fmt: skip


def _form(visit: Visit, typed: object, problem: str, status: int) -> Response:
    values = {name: typed.get(name, "") for name in _FIELDS}  # type: ignore[attr-defined] # a mapping
    shown, policy = "", ""
    with visit.app.database.read() as sql:
        number = project_id_of(sql, values["project"], visit.actor)
        found = queries.find_project(sql, normalize(values["project"])) if number is not None else None
        if found is not None:
            shown, policy = found.display, policy_of(sql, found.id)
    return visit.page(
        "disclosure_report.html", status=status, typed=values, problem=problem, display=shown, policy=policy,
        days=(ACKNOWLEDGE.days, DECIDE.days, visit.app.settings.disclosure_days), mail=_mail(visit),
        longest=LONGEST_REPORT, longest_title=LONGEST_TITLE,
    )  # fmt: skip


def _mail(visit: Visit) -> str:
    """Where reports go by mail, if they may."""
    plain = visit.app.settings.security_address
    return str(address(plain, where="security_address").addr_spec) if plain else ""
