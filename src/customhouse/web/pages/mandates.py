"""What is required of me; mandates of the index, with a look at their price; and that of a single project."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from markupsafe import Markup, escape
from starlette.responses import Response

from customhouse.catalog.critical import Rule
from customhouse.index.mandates import queries
from customhouse.index.mandates.announce import Announce, announce
from customhouse.index.mandates.change import (
    Change,
    End,
    EndExemption,
    Exempt,
    change_mandate,
    end_exemption,
    end_mandate,
    exempt,
)
from customhouse.index.mandates.model import METHODS, SCOPES, Dates, Mandate, parse_methods, parse_moment, parse_scope
from customhouse.index.mandates.preview import Cohort, Preview, preview
from customhouse.index.mandates.requirements import Requirement, State, by_state, requirements_of
from customhouse.index.mandates.tell import people_under
from customhouse.index.mandates.text import requirements_text
from customhouse.terms.errors import Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

WARNED_AFTER, ENFORCED_AFTER = timedelta(days=30), timedelta(days=90)
"""What the wizard proposes: a month until the reminders, two more until uploads are refused."""
OWNERS_GRACE = timedelta(days=14)
SINGLES_SHOWN = 50
_WIZARD = "/admin/mandates/new/"
_ASKED = ("scope", "methods", "rule", "organization", "announced", "warned", "enforced", "title", "text")
_TEXT_LIMIT = 4000


def mandate_doors() -> list[Door]:
    """The doors of requirements and mandates."""
    one, of_project = "/admin/mandates/{mandate}/", "/manage/project/{name}/mandate/"
    return [
        door("GET", "/account/required/", required_of_me, Permission.ACCOUNT_READ),
        door("GET", "/admin/mandates/", all_mandates, Permission.ADMIN_READ),
        door("GET", _WIZARD, wizard, Permission.ADMIN_READ),
        door("POST", "/admin/mandates/", announce_it, Permission.ADMIN_DANGER),
        door("GET", one, one_mandate, Permission.ADMIN_READ),
        door("POST", one + "change/", change_it, Permission.ADMIN_DANGER),
        door("POST", one + "end/", end_it, Permission.ADMIN_DANGER),
        door("POST", one + "exempt/", exempt_somebody, Permission.ADMIN_DANGER),
        door("POST", one + "exemptions/{exemption}/end/", end_an_exemption, Permission.ADMIN_DANGER),
        door("GET", of_project, project_mandate, Permission.PROJECT_SETTINGS_READ),
        door("POST", of_project, announce_for_project, Permission.PROJECT_DANGER),
        door("POST", of_project + "change/", change_for_project, Permission.PROJECT_DANGER),
        door("POST", of_project + "end/", end_for_project, Permission.PROJECT_DANGER),
    ]


def required_of_me(visit: Visit) -> Response:
    """Today, by when, and what is up to me."""
    now, site = visit.app.clock.now(), visit.app.settings.public_url
    with visit.app.database.read() as sql:
        found = requirements_of(sql, visit.me.id, now)

    def lines(*states: State) -> list[tuple[Requirement, Markup]]:
        grouped = by_state(found)
        return [(one, linked(requirements_text(one, site), site)) for state in states for one in grouped[state]]

    return visit.page(
        "required.html", today=lines("enforced"), soon=lines("warned", "announced"), optional=lines("optional"),
        to_do=any(one.open for one in found),
    )  # fmt: skip


def all_mandates(visit: Visit) -> Response:
    """Every mandate with its stage."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        rows = queries.mandates(sql)
    return visit.page("admin_mandates.html", rows=[(one, one.stage(now)) for one in rows], methods=METHODS)


def wizard(visit: Visit) -> Response:
    """Choose whom it concerns and from when on, and see what that would mean."""
    asked = {name: visit.query.get(name, "").strip()[:_TEXT_LIMIT] for name in _ASKED}
    today = visit.app.clock.now()
    defaults = {
        "scope": "critical", "methods": "any", "announced": f"{today:%Y-%m-%d}",
        "warned": f"{today + WARNED_AFTER:%Y-%m-%d}", "enforced": f"{today + ENFORCED_AFTER:%Y-%m-%d}",
    }  # fmt: skip
    asked = {name: value or defaults.get(name, "") for name, value in asked.items()}
    seen: Preview | None = None
    if "scope" in visit.query:
        _dates(asked, today)
        with visit.app.database.read() as sql:
            seen = preview(sql, _cohort(asked), today, visit.app.settings.expected_recovery_share)
    return visit.page(
        "admin_mandate_new.html", asked=asked, seen=seen, scopes=_scopes_of_the_index(), methods=METHODS,
        singles_shown=SINGLES_SHOWN, rule=visit.app.settings.critical_rule,
        back=f"{_WIZARD}?{urlencode({name: value for name, value in asked.items() if value})}",
    )  # fmt: skip


def announce_it(visit: Visit) -> Response:
    """Announce what the wizard has shown; projects that the rule picks become critical with it."""
    asked = {name: visit.field(name, limit=_TEXT_LIMIT) for name in _ASKED}
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        seen = preview(sql, _cohort(asked), now, visit.app.settings.expected_recovery_share)
    made = visit.app.do(
        announce,
        Announce(
            asked["title"], asked["scope"], asked["methods"], _dates(asked, now), asked["text"],
            organization=asked["organization"] if asked["scope"] == "organization" else "",
            mark=seen.newly_critical if asked["scope"] == "critical" else (), by=visit.actor,
        ),
    )  # fmt: skip
    return visit.go(f"/admin/mandates/{made.id}/", said=f"“{made.title}” is announced. Letters are on their way.")


def one_mandate(visit: Visit) -> Response:
    """How far a mandate is, and who is let off."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        found = queries.find_mandate(sql, _number(visit, "mandate"))
        let_off = queries.exemptions(sql, [found.id])
        people = people_under(sql, found)
    ready = sum(1 for one in people if found.met_by(one.methods))
    return visit.page(
        "admin_mandate.html", mandate=found, stage=found.stage(now), people=len(people), ready=ready,
        exemptions=[(one, one.holds(now)) for one in let_off], methods=METHODS,
    )  # fmt: skip


def change_it(visit: Visit) -> Response:
    """Other days or other methods."""
    found = _mandate(visit)
    outcome = visit.app.do(change_mandate, _change(visit, found))
    return visit.go(f"/admin/mandates/{found.id}/", said=outcome.says("It is changed. Letters are on their way."))


def end_it(visit: Visit) -> Response:
    """Let it end."""
    found = _mandate(visit)
    outcome = visit.app.do(end_mandate, End(found.id, visit.field("reason", required=True), visit.actor))
    return visit.go(f"/admin/mandates/{found.id}/", said=outcome.says("It has ended."))


def exempt_somebody(visit: Visit) -> Response:
    """Let an account or a project off."""
    found = _mandate(visit)
    until = parse_moment(visit.field("until", limit=40, required=True), "until", visit.app.clock.now())
    outcome = visit.app.do(
        exempt,
        Exempt(
            found.id, visit.field("reason", required=True), until, visit.field("account", limit=60),
            visit.field("project", limit=120), visit.actor,
        ),
    )  # fmt: skip
    return visit.go(f"/admin/mandates/{found.id}/", said=outcome.says("They are let off."))


def end_an_exemption(visit: Visit) -> Response:
    """Let somebody off no longer."""
    found = _mandate(visit)
    wish = EndExemption(_number(visit, "exemption"), found.id, visit.field("reason"), visit.actor)
    visit.app.do(end_exemption, wish)
    return visit.go(f"/admin/mandates/{found.id}/", said="The exemption has ended.")


def project_mandate(visit: Visit) -> Response:
    """What the owners of a project ask of everybody who publishes it."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        found = queries.mandate_of_project(sql, visit.this_project.normalized)
        people = people_under(sql, found if found is not None else _imagined(visit))
    return visit.page(
        "manage_mandate.html", mandate=found, stage=found.stage(now) if found is not None else "", methods=METHODS,
        people=len(people), with_any=sum(1 for one in people if one.methods),
        with_key=sum(1 for one in people if "webauthn" in one.methods), proposed=f"{now + OWNERS_GRACE:%Y-%m-%d}",
    )  # fmt: skip


def announce_for_project(visit: Visit) -> Response:
    """Ask for a second factor of everybody who publishes the project."""
    now, project = visit.app.clock.now(), visit.this_project
    enforced = parse_moment(visit.field("enforced", limit=40, required=True), "enforced", now)
    dates = Dates(min(now, enforced), min(now, enforced), enforced)
    wish = Announce(
        f"Second factor for {project.display}", "project", visit.field("methods", limit=20), dates,
        project=project.normalized, by=visit.actor,
    )  # fmt: skip
    visit.app.do(announce, wish)
    return visit.go(_of_project(visit), said="Announced. Whoever lacks a second factor gets a letter.")


def change_for_project(visit: Visit) -> Response:
    """Other days or other methods."""
    outcome = visit.app.do(change_mandate, _change(visit, _mandate_of_project(visit)))
    return visit.go(_of_project(visit), said=outcome.says("It is changed."))


def end_for_project(visit: Visit) -> Response:
    """Let it end."""
    found = _mandate_of_project(visit)
    outcome = visit.app.do(end_mandate, End(found.id, visit.field("reason", required=True), visit.actor))
    return visit.go(_of_project(visit), said=outcome.says("It has ended."))


def linked(text: str, site: str) -> Markup:
    """A text whose addresses of this index can be followed."""
    words = [
        Markup('<a href="{}">{}</a>').format(word.removeprefix(site), word)
        if word.startswith(f"{site}/")
        else escape(word)
        for word in text.split(" ")
    ]
    return Markup(" ").join(words)


def _change(visit: Visit, found: Mandate) -> Change:
    """The fields of the form that differ from what it says now."""
    now = visit.app.clock.now()

    def day(name: str, before: datetime) -> datetime | None:
        text = visit.field(name, limit=40)
        return None if not text or text == f"{before:%Y-%m-%d}" else parse_moment(text, name, now)

    methods = visit.field("methods", limit=20) or found.methods
    return Change(
        found.id, visit.field("reason"), methods if methods != found.methods else None,
        day("warned", found.dates.warned_at), day("enforced", found.dates.enforced_at), visit.actor,
    )  # fmt: skip


def _cohort(asked: dict[str, str]) -> Cohort:
    scope = parse_scope(asked["scope"])
    rule = Rule.parse(asked["rule"]) if asked["rule"] and scope == "critical" else None
    if scope == "organization" and not asked["organization"]:
        raise Rejected("missing-field", "organization", "is empty", "the name of an organization")
    if scope == "project":
        raise Rejected("bad-scope", "scope", "an owner asks that of his project", "another scope")
    return Cohort(scope, parse_methods(asked["methods"]), rule, asked["organization"])


def _dates(asked: dict[str, str], now: datetime) -> Dates:
    return Dates(*(parse_moment(asked[name], name, now) for name in ("announced", "warned", "enforced")))


def _scopes_of_the_index() -> dict[str, str]:
    return {name: words for name, words in SCOPES.items() if name != "project"}


def _imagined(visit: Visit) -> Mandate:
    """A mandate of the project that there is not, to see whom it would concern."""
    now = visit.app.clock.now()
    return Mandate(0, "", "", "project", "any", Dates(now, now, now), now, "", project=visit.this_project.normalized)


def _mandate(visit: Visit) -> Mandate:
    with visit.app.database.read() as sql:
        return queries.find_mandate(sql, _number(visit, "mandate"))


def _mandate_of_project(visit: Visit) -> Mandate:
    with visit.app.database.read() as sql:
        found = queries.mandate_of_project(sql, visit.this_project.normalized)
    if found is None:
        raise queries.unknown_mandate(visit.this_project.display)
    return found


def _of_project(visit: Visit) -> str:
    return f"/manage/project/{visit.this_project.normalized}/mandate/"


def _number(visit: Visit, name: str) -> int:
    number = number_of(visit.path[name])
    if number is None:
        raise queries.unknown_mandate(visit.path[name])
    return number
