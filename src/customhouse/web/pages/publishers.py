"""The pages of trusted publishers: those of a project, and those of an account that wait for their project."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy.engine import Connection
from starlette.responses import Response

from customhouse.catalog import organizations
from customhouse.catalog.rights import MANAGING
from customhouse.index.publishing.add import (
    MOST_PUBLISHERS,
    AddPublisher,
    RemovePublisher,
    add_publisher,
    remove_publisher,
)
from customhouse.index.publishing.only import SetPublishersOnly, publishers_only, set_publishers_only
from customhouse.index.publishing.pending import (
    LIFE,
    MOST_PENDING,
    AddPending,
    WithdrawPending,
    add_pending,
    withdraw_pending,
)
from customhouse.index.slow.model import PendingChange
from customhouse.terms.numbers import number_of
from customhouse.trust.advice import advice
from customhouse.trust.described import Described, describe
from customhouse.trust.issuers import PublisherIssuer, issuer_named, issuers_of
from customhouse.trust.providers.known import PROVIDERS
from customhouse.trust.providers.provider import ATTESTS_ONLY, Field, rules_of
from customhouse.trust.publishers import TrustedPublisher, pending_of, publishers_of, unknown_publisher
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Line:
    """One publisher in a table: what it is, where to look at it, and its rules in words."""

    publisher: TrustedPublisher
    issuer: str
    address: str
    rules: tuple[str, ...]
    known_here: bool
    """Whether tokens of its issuer are still taken."""
    advice: tuple[str, ...]
    """What its owner should think about."""


@dataclass(frozen=True, slots=True)
class Form:
    """One issuer's form: what to type, and what may be asked besides."""

    issuer: PublisherIssuer
    fields: tuple[Field, ...]
    rules: tuple[Field, ...]


def publisher_doors() -> list[Door]:
    """The doors of trusted publishers."""
    project, mine = "/manage/project/{name}/publishing/", "/account/publishing/"
    return [
        door("GET", project, of_project, Permission.PROJECT_SETTINGS_READ),
        door("POST", project, add, Permission.PROJECT_DANGER),
        door("POST", project + "only/", switch_only, Permission.PROJECT_DANGER),
        door("POST", project + "{publisher}/remove/", remove, Permission.PROJECT_SETTINGS),
        door("GET", mine, of_account, Permission.ACCOUNT_READ),
        door("POST", mine, add_mine, Permission.ACCOUNT_DANGER),
        door("POST", mine + "{publisher}/withdraw/", withdraw, Permission.ACCOUNT_WRITE),
    ]


def of_project(visit: Visit) -> Response:
    """Whose builds may publish into the project, and a form for another one."""
    with visit.app.database.read() as sql:
        rows = publishers_of(sql, visit.this_project.id)
        only = publishers_only(sql, visit.this_project.id)
    return visit.page(
        "publishers.html", only=only, rows=_lines(visit, rows), forms=_forms(visit), most=MOST_PUBLISHERS,
        site=visit.site, now=visit.app.clock.now(), attests=ATTESTS_ONLY,
    )  # fmt: skip


def add(visit: Visit) -> Response:
    """Let builds of one place publish into the project. On a protected project that waits."""
    command = AddPublisher(
        visit.this_project.normalized, _described(visit), visit.field("stages_only") == "yes", visit.actor,
        visit.field("reason"),
    )  # fmt: skip
    done = visit.app.do(add_publisher, command)
    if isinstance(done, PendingChange):
        return visit.go(_here(visit), said=done.says_when)
    said = f"{done.title} may {'attest' if done.attests_only else 'publish'} from now on."
    return visit.go(_here(visit), said=said)


def switch_only(visit: Visit) -> Response:
    """Let no API token publish any more, or let them again. On a protected project that waits."""
    on, name = visit.field("on") == "yes", visit.this_project.normalized
    waits = visit.app.do(set_publishers_only, SetPublishersOnly(name, on=on, by=visit.actor))
    now = "Only trusted publishers publish from now on." if on else "API tokens may publish again."
    return visit.go(_here(visit), said=waits.says_when if waits is not None else now)


def remove(visit: Visit) -> Response:
    """Let it publish no more, nor any token that it has."""
    command = RemovePublisher(visit.this_project.normalized, _number(visit), visit.actor)
    gone = visit.app.do(remove_publisher, command)
    return visit.go(_here(visit), said=f"{gone.title} publishes here no more.")


def of_account(visit: Visit) -> Response:
    """The publishers that wait for their project, and a form for another one."""
    with visit.app.database.read() as sql:
        rows = pending_of(sql, visit.me.id)
        managed = _managed(sql, visit.me.id)
    return visit.page(
        "publishers_pending.html", rows=_lines(visit, rows), forms=_forms(visit), most=MOST_PENDING, days=LIFE.days,
        organizations=managed, site=visit.site, now=visit.app.clock.now(),
    )  # fmt: skip


def add_mine(visit: Visit) -> Response:
    """Let builds of one place make a project that does not exist yet."""
    command = AddPending(
        visit.field("project", limit=200, required=True), _described(visit), visit.actor,
        visit.field("organization", limit=100), visit.field("stages_only") == "yes",
    )  # fmt: skip
    made = visit.app.do(add_pending, command)
    return visit.go(
        "/account/publishing/",
        said=f"{made.title} may begin {made.pending_name} within {LIFE.days} days, if the name is free then.",
    )


def withdraw(visit: Visit) -> Response:
    """End one that waits."""
    gone = visit.app.do(withdraw_pending, WithdrawPending(_number(visit), visit.actor))
    return visit.go("/account/publishing/", said=f"{gone.title} waits for {gone.pending_name} no more.")


def _described(visit: Visit) -> Described:
    """What was typed into the form of one issuer: its fields are named ``field-…``, its rules ``rule-…``."""
    found = issuer_named(issuers_of(visit.app.settings), visit.field("issuer", limit=100, required=True))
    provider = PROVIDERS[found.kind]
    typed = {one.name: visit.field(f"field-{one.name}", limit=400) for one in provider.fields(found)}
    rules = {one.name: visit.field(f"rule-{one.name}", limit=400) for one in rules_of(provider, found)}
    return describe(found, typed, rules)


def _lines(visit: Visit, rows: list[TrustedPublisher]) -> list[Line]:
    known = {one.url: one for one in issuers_of(visit.app.settings)}
    return [_line(one, known.get(one.issuer)) for one in rows]


def _line(one: TrustedPublisher, issuer: PublisherIssuer | None) -> Line:
    told = tuple(advice(one.kind, one.settings, one.rules))
    if issuer is None:
        return Line(one, one.issuer, "", tuple(sorted(one.rules)), known_here=False, advice=told)
    provider = PROVIDERS[issuer.kind]
    titles = {rule.name: rule for rule in rules_of(provider, issuer)}
    rules = tuple(_in_words(titles.get(name), name, text) for name, text in sorted(one.rules.items()) if text)
    return Line(one, issuer.title, provider.address(issuer, one.settings), rules, known_here=True, advice=told)


def _in_words(rule: Field | None, name: str, text: str) -> str:
    title = rule.title if rule is not None else name
    return title if rule is not None and rule.choice else f"{title}: {text}"


def _forms(visit: Visit) -> list[Form]:
    found = []
    for issuer in issuers_of(visit.app.settings):
        provider = PROVIDERS[issuer.kind]
        found.append(Form(issuer, tuple(provider.fields(issuer)), tuple(provider.rules(issuer))))
    return found


def _managed(sql: Connection, account_id: int) -> list[str]:
    """Names of the organizations that may hold a project which this account begins."""
    return [one.name for one, role in organizations.organizations_of(sql, account_id) if role in MANAGING]


def _number(visit: Visit) -> int:
    found = number_of(visit.path["publisher"])
    if found is None:
        raise unknown_publisher()
    return found


def _here(visit: Visit) -> str:
    return f"/manage/project/{quote(visit.this_project.normalized)}/publishing/"
