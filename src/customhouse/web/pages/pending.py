"""Dangerous changes that wait: seeing, vetoing, withdrawing, deciding them. Asking for slow motion, waking a role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from starlette.responses import Response

from customhouse.accounts.users import find_user_by_id
from customhouse.catalog import protection, rights
from customhouse.catalog.model import Project
from customhouse.catalog.tables import project
from customhouse.index import dormant, people
from customhouse.index.close_account import CloseAccount, alone_in, close_account, may_close
from customhouse.index.dormant import ConfirmRole, confirm_role
from customhouse.index.slow import queries
from customhouse.index.slow.links import of_veto_text
from customhouse.index.slow.model import Owner, PendingChange, may_decide, may_veto, may_withdraw
from customhouse.index.slow.owner_since import owner_of
from customhouse.index.slow.protect import Protect, protect
from customhouse.index.slow.veto import Veto, veto
from customhouse.index.slow.withdraw import WithdrawChange, withdraw_change
from customhouse.index.waited.decide import DecideChange, decide_change
from customhouse.terms.errors import Refused
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.pending_chart import pending_chart
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def pending_doors() -> list[Door]:
    """The doors of changes that wait."""
    here = "/manage/project/{name}"
    return [
        door("GET", f"{here}/pending/", of_project, Permission.PROJECT_MANAGE_READ),
        door("POST", f"{here}/protect/", switch, Permission.PROJECT_DANGER),
        door("GET", f"{here}/confirm/", confirm_form, Permission.PROJECT_CONFIRM_FORM),
        door("POST", f"{here}/confirm/", confirm, Permission.PROJECT_CONFIRM),
        door("GET", "/account/pending/", mine, Permission.ACCOUNT_READ),
        door("POST", "/account/pending/{change}/veto/", veto_it, Permission.ACCOUNT_WRITE),
        door("POST", "/account/pending/{change}/withdraw/", withdraw_it, Permission.ACCOUNT_WRITE),
        door("GET", "/account/close/", close_form, Permission.ACCOUNT_DANGER_FORM),
        door("POST", "/account/close/", close, Permission.ACCOUNT_DANGER),
        door("GET", "/veto/{link}/", veto_form, Permission.VETO_FORM),
        door("POST", "/veto/{link}/", veto_by_link, Permission.VETO_BY_LINK),
        door("GET", "/admin/pending/", contested, Permission.ADMIN_READ),
        door("POST", "/admin/pending/{change}/", decide, Permission.ADMIN_DANGER),
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """One change in a table, with what the visitor may do about it."""

    change: PendingChange
    project: str
    """The normalised name, or empty."""
    asked_by: str
    contested_by: str
    veto: Refused | None
    """Why he may not veto it; None if he may."""
    withdraws: bool
    decides: bool

    @property
    def where(self) -> str:
        """A name for its buttons."""
        return self.change.sentence


def of_project(visit: Visit) -> Response:
    """What waits for a project, what has waited, and whether its dangerous changes wait at all."""
    found, now = visit.this_project, visit.app.clock.now()
    with visit.app.database.read() as sql:
        everything = queries.changes_of_project(sql, found.id)
        waiting = queries.open_changes_of_project(sql, found.id)
        about_people = _about_owners(sql, found) if protection.is_protected(sql, found) else []
        if found.organization_id is not None:
            about_people += queries.open_changes_of_organization(sql, found.organization_id)
        shown = sorted([*waiting, *about_people], key=lambda one: one.effective_at)
        lines = _lines(visit, sql, shown)
        past = _lines(visit, sql, [one for one in everything if not one.open])
        protected = protection.protection_of(sql, found.id)
    return visit.page(
        "pending.html", lines=lines, past=past, protected=protected, picture=pending_chart(shown, now),
        delay=visit.app.settings.slow_motion_hours, owns=visit.standing.role == "owner" or visit.actor.operator,
    )  # fmt: skip


def mine(visit: Visit) -> Response:
    """What waits and concerns me."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        shown = waiting_for(sql, visit.me.id)
        lines = _lines(visit, sql, shown)
    return visit.page("account_pending.html", lines=lines, picture=pending_chart(shown, now))


def waiting_for(sql: Connection, account_id: int) -> list[PendingChange]:
    """What waits and concerns somebody: his own, that of his projects, and that of their co-owners' accounts."""
    found = {one.id: one for one in queries.open_changes_for(sql, account_id)}
    for one in protection.protected_projects_of(sql, account_id):
        owners = [who for who, role in rights.people_of(sql, one.id) if role == "owner"]
        found |= {change.id: change for change in queries.open_changes_about(sql, owners)}
    return sorted(found.values(), key=lambda one: (one.effective_at, one.id))


def veto_it(visit: Visit) -> Response:
    """Veto, signed in."""
    change = visit.app.do(veto, Veto(_number(visit), visit.me.id))
    return visit.go(_back(visit, change), said=f"Stopped, until an operator has decided: {change.sentence}.")


def withdraw_it(visit: Visit) -> Response:
    """Take one's own wish back."""
    change = visit.app.do(withdraw_change, WithdrawChange(_number(visit), visit.actor))
    return visit.go(_back(visit, change), said=f"Withdrawn: {change.sentence}.")


def veto_form(visit: Visit) -> Response:
    """The page of a link from a letter: one button."""
    change_id, account_id = of_veto_text(visit.app.key, visit.path["link"])
    with visit.app.database.read() as sql:
        change = queries.find_change(sql, change_id)
        name = find_user_by_id(sql, account_id).name
        refusal = may_veto(change, account_id, _owner(visit, sql, change, account_id), visit.app.deeds.delay)
        asked_by = _names(sql, [change]).get(change.requested_by or 0, "an operator")
    return visit.page("veto.html", change=change, name=name, refusal=refusal, asked_by=asked_by, done=False)


def veto_by_link(visit: Visit) -> Response:
    """Veto, with nothing but the link."""
    change_id, account_id = of_veto_text(visit.app.key, visit.path["link"])
    change = visit.app.do(veto, Veto(change_id, account_id))
    return visit.page("veto.html", change=change, name="", refusal=None, asked_by="", done=True)


def switch(visit: Visit) -> Response:
    """Ask for slow motion at once, or let it end after the delay."""
    name, on = visit.this_project.normalized, visit.field("on") == "yes"
    waits = visit.app.do(protect, Protect(name, on=on, reason=visit.field("reason"), by=visit.actor))
    said = f"From now on dangerous changes {'wait' if on else 'happen at once'}."
    return visit.go(f"/manage/project/{name}/pending/", said=waits.says_when if waits is not None else said)


def confirm_form(visit: Visit) -> Response:
    """Since when my role was not used."""
    with visit.app.database.read() as sql:
        used_at = dormant.used(sql, visit.this_project.id, visit.me.id)
    asleep = used_at is not None and visit.app.clock.now() >= used_at + dormant.YEAR
    return visit.page("confirm_role.html", used_at=used_at, asleep=asleep)


def confirm(visit: Visit) -> Response:
    """I still mean to publish."""
    name = visit.this_project.normalized
    visit.app.do(confirm_role, ConfirmRole(name, visit.actor))
    return visit.go(f"/manage/project/{name}/", said="Confirmed: you can publish for another year.")


def close_form(visit: Visit) -> Response:
    """What closing means, and what stands in its way."""
    with visit.app.database.read() as sql:
        alone = alone_in(sql, visit.me)
    return visit.page("close_account.html", alone=alone, refusal=may_close(visit.me, alone))


def close(visit: Visit) -> Response:
    """Close the account, at once or after the delay."""
    outcome = visit.app.do(close_account, CloseAccount(visit.form.get("typed", "")[:60], visit.actor))
    if isinstance(outcome, PendingChange):
        return visit.go("/account/pending/", said=outcome.says_when)
    visit.end_session()
    return visit.go("/", said="Your account is closed.")


def contested(visit: Visit) -> Response:
    """Everything that waits; what is contested first."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        shown = queries.all_open_changes(sql)
        lines = _lines(visit, sql, shown)
    return visit.page("admin_pending.html", lines=lines, picture=pending_chart(shown, now))


def decide(visit: Visit) -> Response:
    """Allow or refuse a contested change."""
    allow = visit.field("decision", limit=10, required=True) == "allow"
    change = visit.app.do(
        decide_change, DecideChange(_number(visit), allow, visit.field("reason", required=True), visit.actor)
    )
    if allow and change.project_id is not None:
        with visit.app.database.read() as sql:
            name = queries.name_of(sql, change.project_id)
        visit.app.renderer.render_after_commit(name)
    return visit.go("/admin/pending/", said=f"{'Allowed' if allow else 'Refused'}: {change.sentence}.")


def _about_owners(sql: Connection, found: Project) -> list[PendingChange]:
    """What waits for the accounts of those who own a protected project."""
    owners = [who for who, role in rights.people_of(sql, found.id) if role == "owner"]
    return queries.open_changes_about(sql, owners)


def _lines(visit: Visit, sql: Connection, changes: Sequence[PendingChange]) -> list[Line]:
    names = _names(sql, changes)
    ids = {one.project_id for one in changes if one.project_id is not None}
    places = {
        row.id: row.normalized
        for row in sql.execute(sa.select(project.c.id, project.c.normalized).where(project.c.id.in_(sorted(ids))))
    }
    me, operator = visit.me.id, visit.actor.operator
    delay = visit.app.deeds.delay
    return [
        Line(
            one, places.get(one.project_id or 0, ""), names.get(one.requested_by or 0, "an operator"),
            names.get(one.contested_by or 0, ""),
            may_veto(one, me, _owner(visit, sql, one, me), delay),
            may_withdraw(one, me, operator=operator) is None,
            may_decide(one, me, operator=operator, reason="some") is None,
        )
        for one in changes
    ]  # fmt: skip


def _owner(visit: Visit, sql: Connection, change: PendingChange, account_id: int) -> Owner | None:
    return owner_of(sql, change, account_id, visit.app.deeds.delay) if change.open else None


def _names(sql: Connection, changes: Sequence[PendingChange]) -> dict[int, str]:
    ids = {who for one in changes for who in (one.requested_by, one.contested_by, one.ended_by) if who is not None}
    return {user.id: user.name for user in people.users_by_id(sql, ids).values()}


def _number(visit: Visit) -> int:
    return number_of(visit.path["change"]) or 0


def _back(visit: Visit, change: PendingChange) -> str:
    """The page that the form stood on, as far as it is one of the two."""
    if change.project_id is not None and visit.field("back") == "project":
        with visit.app.database.read() as sql:
            return f"/manage/project/{queries.name_of(sql, change.project_id)}/pending/"
    return "/account/pending/"
