"""Who may act for a project, and the invitations that somebody has received."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from customhouse.catalog import invitations, protection, teams
from customhouse.catalog.roles import ROLES
from customhouse.index import people
from customhouse.index.answer_invitation import Answer, answer_invitation
from customhouse.index.change_role import (
    ChangeRole,
    LeaveProject,
    RemoveRole,
    change_role,
    leave_project,
    remove_role,
)
from customhouse.index.invite import InviteToProject, Withdraw, invite_to_project, withdraw
from customhouse.index.slow.model import PendingChange
from customhouse.web.doors import Door, door
from customhouse.web.invitation_limit import take_invitation
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def people_doors() -> list[Door]:
    """The doors of a project's people, and of one's own invitations."""
    here = "/manage/project/{name}"
    return [
        door("GET", f"{here}/people/", project_people, Permission.PROJECT_MANAGE_READ),
        door("POST", f"{here}/people/invite/", invite, Permission.PROJECT_DANGER),
        door("POST", f"{here}/people/leave/", leave, Permission.PROJECT_LEAVE),
        door("POST", f"{here}/people/{{user}}/role/", change, Permission.PROJECT_DANGER),
        door("POST", f"{here}/people/{{user}}/remove/", remove, Permission.PROJECT_DANGER),
        door("POST", f"{here}/invitations/{{invitation}}/withdraw/", take_back, Permission.PROJECT_SETTINGS),
        door("GET", "/account/invitations/", my_invitations, Permission.ACCOUNT_READ),
        door("POST", "/account/invitations/{invitation}/accept/", accept, Permission.INVITATION_ANSWER),
        door("POST", "/account/invitations/{invitation}/decline/", decline, Permission.INVITATION_ANSWER),
    ]


def project_people(visit: Visit) -> Response:
    """Everybody with rights in the project and where they come from; teams; open invitations."""
    found, now = visit.this_project, visit.app.clock.now()
    with visit.app.database.read() as sql:
        rows = people.people_rows(sql, found)
        open_ones = invitations.open_for_project(sql, found.id, now)
        names = people.users_by_id(sql, [row.invitation.account_id for row in open_ones])
        given = teams.roles_in_project(sql, found.id)
        holder = people.holder_of(sql, found)
        protected = protection.is_protected(sql, found)
    return visit.page(
        "people.html",
        rows=rows,
        roles=ROLES,
        invitations=[(row.invitation, names[row.invitation.account_id].name) for row in open_ones],
        given=given,
        holder=holder,
        mine=next((row for row in rows if row.account_id == visit.me.id), None),
        protected=protected,
        owns=visit.standing.role == "owner" or visit.actor.operator,
    )


def invite(visit: Visit) -> Response:
    """Invite an account to be owner or maintainer."""
    command = InviteToProject(
        visit.this_project.normalized, visit.field("who", limit=254, required=True), visit.field("role", limit=20),
        timedelta(seconds=visit.app.settings.invitation_seconds), visit.actor,
    )  # fmt: skip
    take_invitation(visit)
    user = visit.app.do(invite_to_project, command)
    return visit.go(_people(visit), said=f"{user.name} is invited. Nothing changes before the invitation is accepted.")


def change(visit: Visit) -> Response:
    """Make a maintainer an owner, or an owner a maintainer."""
    command = ChangeRole(
        visit.this_project.normalized,
        visit.path["user"],
        visit.field("role", limit=20),
        visit.actor,
        visit.field("reason"),
    )
    user = visit.app.do(change_role, command)
    if isinstance(user, PendingChange):
        return visit.go(_people(visit), said=user.says_when)
    return visit.go(_after(visit, user.id, command.role), said=f"{user.name} is {command.role} now.")


def remove(visit: Visit) -> Response:
    """Take a role away."""
    command = RemoveRole(visit.this_project.normalized, visit.path["user"], visit.actor, visit.field("reason"))
    user = visit.app.do(remove_role, command)
    if isinstance(user, PendingChange):
        return visit.go(_people(visit), said=user.says_when)
    return visit.go(_after(visit, user.id, ""), said=f"{user.name} has no role of his own in this project any more.")


def leave(visit: Visit) -> Response:
    """Give up one's own role."""
    held = visit.app.do(leave_project, LeaveProject(visit.this_project.normalized, visit.actor))
    if isinstance(held, PendingChange):
        return visit.go(_people(visit), said=held.says_when)
    return visit.go("/account/", said=f"You have left {visit.this_project.display}.")


def take_back(visit: Visit) -> Response:
    """Withdraw an open invitation."""
    command = Withdraw(visit.path["invitation"], project=visit.this_project.normalized, by=visit.actor)
    visit.app.do(withdraw, command)
    return visit.go(_people(visit), said="The invitation is withdrawn.")


def my_invitations(visit: Visit) -> Response:
    """What I am invited to."""
    with visit.app.database.read() as sql:
        rows = invitations.open_for_account(sql, visit.me.id, visit.app.clock.now())
        names = people.users_by_id(sql, [row.invitation.invited_by for row in rows if row.invitation.invited_by])
    shown = [(row, names[row.invitation.invited_by].name if row.invitation.invited_by else "") for row in rows]
    return visit.page("invitations.html", rows=shown)


def accept(visit: Visit) -> Response:
    """Accept; it holds only if whoever invited could still do so."""
    answered = visit.app.do(answer_invitation, Answer(visit.path["invitation"], accept=True, by=visit.actor))
    row = answered.invitation
    if answered.waits is not None:
        return visit.go("/account/", said=f"Accepted. {answered.waits.says_when}")
    if row.normalized is not None:
        visit.app.renderer.render_after_commit(row.normalized)
        return visit.go(f"/manage/project/{row.normalized}/", said=f"Accepted: you {row.what}.")
    return visit.go(f"/manage/organization/{row.organization}/", said=f"Accepted: you {row.what}.")


def decline(visit: Visit) -> Response:
    """Decline."""
    visit.app.do(answer_invitation, Answer(visit.path["invitation"], accept=False, by=visit.actor))
    return visit.go("/account/invitations/", said="The invitation is declined.")


def _people(visit: Visit) -> str:
    return f"/manage/project/{visit.this_project.normalized}/people/"


def _after(visit: Visit, user_id: int, role: str) -> str:
    """The page that one may still see, if one has just changed one's own role."""
    mine = user_id == visit.me.id and not role and not visit.actor.operator
    return "/account/" if mine else _people(visit)
