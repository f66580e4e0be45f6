"""New projects, and the two pages on which a project changes hands or its visibility."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from customhouse.accounts import index_flags
from customhouse.catalog import organizations
from customhouse.catalog.lifecycle import DeletionPolicy, may_delete
from customhouse.catalog.organizations import find_organization, unknown_organization
from customhouse.catalog.rights import MANAGING
from customhouse.index import people
from customhouse.index.delete import price_of
from customhouse.index.new_project import CreateProject, new_project
from customhouse.index.slow.model import PendingChange
from customhouse.index.subject import find_subject
from customhouse.index.transfer import (
    OfferTransfer,
    TransferToOrganization,
    fingerprint,
    losing,
    offer_transfer,
    transfer_to_organization,
)
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def holding_doors() -> list[Door]:
    """The doors of new projects, transfer and visibility."""
    here = "/manage/project/{name}"
    return [
        door("GET", "/manage/new/", new_form, Permission.PROJECT_CREATE_FORM),
        door("POST", "/manage/new/", new, Permission.PROJECT_CREATE),
        door("GET", f"{here}/transfer/", transfer_form, Permission.PROJECT_DANGER_FORM),
        door("POST", f"{here}/transfer/", transfer, Permission.PROJECT_DANGER),
        door("GET", f"{here}/visibility/", visibility_form, Permission.PROJECT_DANGER_FORM),
        door("POST", f"{here}/visibility/", visibility, Permission.PROJECT_DANGER),
    ]


def new_form(visit: Visit) -> Response:
    """A name, a visibility, a holder."""
    wanted = visit.query.get("organization", "")[:50]
    return visit.page("new_project.html", organizations=_managed(visit), wanted=wanted)


def new(visit: Visit) -> Response:
    """Make the project."""
    with visit.app.database.read() as sql:
        index_flags.refuse_if_flagged(sql, "no-new-projects", actor=visit.actor)
    command = CreateProject(
        visit.field("name", limit=100, required=True), visit.actor, visit.field("visibility", limit=10),
        visit.field("organization", limit=50),
    )  # fmt: skip
    made = new_project(visit.app.deeds, command)
    if made.public:
        visit.app.renderer.render_after_commit(made.normalized)
    return visit.go(f"/manage/project/{made.normalized}/", said=f"{made.display} is yours. Upload its first release.")


def transfer_form(visit: Visit) -> Response:
    """To whom; once that is said, who will lose access, and the name to type."""
    found = visit.this_project
    wanted, person = visit.query.get("organization", "").strip()[:50], visit.query.get("person", "").strip()[:254]
    lost, target, user = [], None, None
    with visit.app.database.read() as sql:
        if wanted:
            target = find_organization(sql, wanted)
            # Whoever does not manage it learns nothing about who belongs to it.
            if people.member_role(sql, target.id, visit.me.id) not in MANAGING and not visit.actor.operator:
                raise unknown_organization(wanted)
            lost = losing(sql, found, organization=target)
        elif person:
            user = people.find_person(sql, person)
            lost = losing(sql, found, user_id=user.id)
        holder = people.holder_of(sql, found)
    return visit.page(
        "transfer.html",
        organizations=[one for one in _managed(visit) if holder is None or one.id != holder.id],
        holder=holder,
        target=target,
        person=user,
        lost=lost,
        seen=fingerprint(lost),
    )


def transfer(visit: Visit) -> Response:
    """Hand it to an organization at once, or offer it to a person."""
    name = visit.this_project.normalized
    typed = visit.form.get("typed", "")[:200]
    organization = visit.field("organization", limit=50)
    if organization:
        seen = visit.form.get("seen", "")[:20_000]
        target = visit.app.do(
            transfer_to_organization, TransferToOrganization(name, organization, typed, seen, visit.actor)
        )
        if isinstance(target, PendingChange):
            return visit.go(f"/manage/project/{name}/pending/", said=target.says_when)
        visit.app.renderer.render_after_commit(name)
        return visit.go(f"/manage/project/{name}/people/", said=f"{target.name} holds the project now.")
    life = timedelta(seconds=visit.app.settings.invitation_seconds)
    user = visit.app.do(
        offer_transfer,
        OfferTransfer(name, visit.field("person", limit=254, required=True), typed, life, visit.actor),
    )
    said = f"{user.name} is asked. Nothing changes before the offer is accepted."
    return visit.go(f"/manage/project/{name}/people/", said=said)


def visibility_form(visit: Visit) -> Response:
    """What the change means, what it costs others, and the name to type."""
    app, found, now = visit.app, visit.this_project, visit.app.clock.now()
    price = refusal = None
    if found.visibility == "public" and found.deleted_at is None:
        with app.database.read() as sql:
            subject = find_subject(sql, found.normalized, "", "", visit.actor)
            price = price_of(sql, subject, now)
        refusal = may_delete(price, subject.standing.role, _policy(visit), now, operator=visit.actor.operator)
    return visit.page("visibility.html", price=price, refusal=refusal)


def visibility(visit: Visit) -> Response:
    """Hide the project, or show it."""
    command = ChangeVisibility(
        visit.this_project.normalized, visit.field("visibility", limit=10), visit.form.get("typed", "")[:200],
        _policy(visit), visit.actor,
    )  # fmt: skip
    found = visit.app.do(change_visibility, command)
    if isinstance(found, PendingChange):
        return visit.go(f"/manage/project/{visit.this_project.normalized}/pending/", said=found.says_when)
    visit.app.renderer.render_after_commit(found.normalized)
    meaning = "only its people see it" if command.visibility == "private" else "everybody sees it"
    return visit.go(
        f"/manage/project/{found.normalized}/settings/", said=f"The project is {command.visibility}: {meaning}."
    )


def _managed(visit: Visit) -> list[organizations.Organization]:
    """The organizations that may receive what the visitor has."""
    with visit.app.database.read() as sql:
        mine = organizations.organizations_of(sql, visit.me.id)
    return [one for one, role in mine if role in MANAGING]


def _policy(visit: Visit) -> DeletionPolicy:
    settings = visit.app.settings
    return DeletionPolicy(timedelta(hours=settings.free_deletion_hours), settings.deletion_downloads)
