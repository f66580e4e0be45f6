"""The pages of an organization: its projects, people and teams."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from starlette.responses import Response

from customhouse.catalog import invitations, teams
from customhouse.catalog.membership import RANKS
from customhouse.catalog.organizations import Organization, OrganizationRole, find_organization
from customhouse.catalog.roles import ROLES
from customhouse.index import people
from customhouse.index.invite import InviteToOrganization, Withdraw, invite_to_organization, withdraw
from customhouse.index.organizations import (
    ChangeMember,
    ChangeOrganization,
    CreateOrganization,
    RemoveMember,
    change_member,
    change_organization,
    create_organization,
    remove_member,
)
from customhouse.index.slow.model import PendingChange
from customhouse.index.teams import (
    AboutTeam,
    AboutTeamMember,
    AboutTeamRole,
    add_team_member,
    create_team,
    remove_team,
    remove_team_member,
    set_team_role,
)
from customhouse.web.doors import Door, door
from customhouse.web.invitation_limit import take_invitation
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def organization_doors() -> list[Door]:
    """The doors of organizations. No mutating one shares a permission with a page (TOB-PYPI26-8)."""
    here, manage = "/manage/organization/{organization}", Permission.ORGANIZATION_SETTINGS
    read, team = Permission.ORGANIZATION_READ, "/manage/organization/{organization}/teams/{team}"
    # What may make or end owners of the organization's projects.
    danger = Permission.ORGANIZATION_MANAGE_DANGER
    return [
        door("GET", "/manage/new-organization/", new_form, Permission.ORGANIZATION_CREATE_FORM),
        door("POST", "/manage/new-organization/", new, Permission.ORGANIZATION_CREATE),
        door("GET", f"{here}/", overview, read),
        door("GET", f"{here}/people/", members, read),
        door("POST", f"{here}/people/invite/", invite, danger),
        door("POST", f"{here}/people/{{user}}/role/", change, Permission.ORGANIZATION_DANGER),
        door("POST", f"{here}/people/{{user}}/remove/", remove, danger),
        door("POST", f"{here}/leave/", leave, Permission.ORGANIZATION_LEAVE),
        door("POST", f"{here}/invitations/{{invitation}}/withdraw/", take_back, manage),
        door("GET", f"{here}/teams/", team_list, read),
        door("POST", f"{here}/teams/", new_team, manage),
        door("GET", f"{team}/", team_page, read),
        door("POST", f"{team}/remove/", drop_team, danger),
        door("POST", f"{team}/members/", add_member, danger),
        door("POST", f"{team}/members/{{user}}/remove/", drop_member, danger),
        door("POST", f"{team}/projects/", give_role, danger),
        door("GET", f"{here}/settings/", settings, Permission.ORGANIZATION_SETTINGS_READ),
        door("POST", f"{here}/settings/", save, manage),
    ]


def new_form(visit: Visit) -> Response:
    """A name and a title."""
    return visit.page("new_organization.html")


def new(visit: Visit) -> Response:
    """Make the organization."""
    command = CreateOrganization(
        visit.field("name", limit=50, required=True), visit.field("display", limit=200), by=visit.actor
    )
    made = visit.app.do(create_organization, command)
    return visit.go(_address(made.name), said=f"{made.name} is made, and you own it.")


def overview(visit: Visit) -> Response:
    """Its projects."""
    found, role = _organization(visit)
    with visit.app.database.read() as sql:
        projects = teams.projects_held(sql, found.id)
        counted = len(people.members_of(sql, found.id))
    return visit.page("organization.html", organization=found, role=role, projects=projects, members=counted)


def members(visit: Visit) -> Response:
    """Who belongs to it, and who is invited."""
    found, role = _organization(visit)
    with visit.app.database.read() as sql:
        rows = people.members_of(sql, found.id)
        open_ones = invitations.open_for_organization(sql, found.id, visit.app.clock.now())
        names = people.users_by_id(sql, [row.invitation.account_id for row in open_ones])
    return visit.page(
        "organization_people.html",
        organization=found,
        role=role,
        rows=rows,
        ranks=RANKS,
        offered=RANKS if role == "owner" or visit.actor.operator else ("member",),
        invitations=[(row.invitation, names[row.invitation.account_id].name) for row in open_ones],
    )


def invite(visit: Visit) -> Response:
    """Invite an account."""
    command = InviteToOrganization(
        visit.path["organization"], visit.field("who", limit=254, required=True), visit.field("role", limit=20),
        timedelta(seconds=visit.app.settings.invitation_seconds), visit.actor,
    )  # fmt: skip
    take_invitation(visit)
    user = visit.app.do(invite_to_organization, command)
    said = f"{user.name} is invited. Nothing changes before the invitation is accepted."
    return visit.go(_address(visit.path["organization"], "people/"), said=said)


def change(visit: Visit) -> Response:
    """Change what somebody is in it."""
    command = ChangeMember(visit.path["organization"], visit.path["user"], visit.field("role", limit=20), visit.actor)
    user = visit.app.do(change_member, command)
    if isinstance(user, PendingChange):
        return visit.go(_address(command.organization, "people/"), said=user.says_when)
    return visit.go(_address(command.organization, "people/"), said=f"{user.name} is {command.role} now.")


def remove(visit: Visit) -> Response:
    """Remove a member."""
    command = RemoveMember(visit.path["organization"], visit.path["user"], visit.actor)
    user = visit.app.do(remove_member, command)
    if isinstance(user, PendingChange):
        return visit.go(_address(command.organization, "people/"), said=user.says_when)
    gone = user.id == visit.me.id and not visit.actor.operator
    address = "/account/" if gone else _address(command.organization, "people/")
    return visit.go(address, said=f"{user.name} does not belong to {command.organization} any more.")


def leave(visit: Visit) -> Response:
    """Leave it, with everything that it gave."""
    left = visit.app.do(remove_member, RemoveMember(visit.path["organization"], by=visit.actor))
    if isinstance(left, PendingChange):
        return visit.go(_address(visit.path["organization"], "people/"), said=left.says_when)
    return visit.go("/account/", said=f"You have left {visit.path['organization']}.")


def take_back(visit: Visit) -> Response:
    """Withdraw an open invitation."""
    command = Withdraw(visit.path["invitation"], organization=visit.path["organization"], by=visit.actor)
    visit.app.do(withdraw, command)
    return visit.go(_address(visit.path["organization"], "people/"), said="The invitation is withdrawn.")


def team_list(visit: Visit) -> Response:
    """Its teams."""
    found, role = _organization(visit)
    with visit.app.database.read() as sql:
        rows = [
            (one, len(teams.members_of(sql, one.id)), teams.roles_of_team(sql, one.id))
            for one in teams.teams_of(sql, found.id)
        ]
    return visit.page("organization_teams.html", organization=found, role=role, rows=rows)


def new_team(visit: Visit) -> Response:
    """Make a team."""
    command = AboutTeam(visit.path["organization"], visit.field("team", limit=50, required=True), visit.actor)
    name = visit.app.do(create_team, command)
    return visit.go(_address(command.organization, f"teams/{quote(name)}/"), said=f"The team {name} is made.")


def team_page(visit: Visit) -> Response:
    """Who is in a team, and what it may do."""
    found, role = _organization(visit)
    with visit.app.database.read() as sql:
        which = teams.find_team(sql, found.id, visit.path["team"])
        if which is None:
            raise teams.unknown_team(visit.path["team"])
        inside = people.users_by_id(sql, teams.members_of(sql, which.id))
        everybody = people.members_of(sql, found.id)
        given = teams.roles_of_team(sql, which.id)
        projects = teams.projects_held(sql, found.id)
    return visit.page(
        "team.html",
        organization=found,
        role=role,
        team=which,
        inside=sorted(inside.values(), key=lambda user: user.name.lower()),
        others=[row.name for row in everybody if row.account_id not in inside],
        given=given,
        projects=projects,
        roles=ROLES,
    )


def drop_team(visit: Visit) -> Response:
    """Remove a team and the roles that it gave."""
    command = AboutTeam(visit.path["organization"], visit.path["team"], visit.actor)
    if (waits := visit.app.do(remove_team, command)) is not None:
        return visit.go(_team_address(visit), said=waits.says_when)
    return visit.go(_address(command.organization, "teams/"), said=f"The team {command.team} is removed.")


def add_member(visit: Visit) -> Response:
    """Put a member into a team."""
    command = AboutTeamMember(
        visit.path["organization"], visit.path["team"], visit.field("user", limit=50, required=True), visit.actor
    )
    name = visit.app.do(add_team_member, command)
    if isinstance(name, PendingChange):
        return visit.go(_team_address(visit), said=name.says_when)
    return visit.go(_team_address(visit), said=f"{name} is in the team.")


def drop_member(visit: Visit) -> Response:
    """Take a member out of a team."""
    command = AboutTeamMember(visit.path["organization"], visit.path["team"], visit.path["user"], visit.actor)
    name = visit.app.do(remove_team_member, command)
    if isinstance(name, PendingChange):
        return visit.go(_team_address(visit), said=name.says_when)
    return visit.go(_team_address(visit), said=f"{name} is no longer in the team.")


def give_role(visit: Visit) -> Response:
    """Say what a team may do with a project."""
    command = AboutTeamRole(
        visit.path["organization"], visit.path["team"], visit.field("project", limit=100, required=True),
        visit.field("role", limit=20), visit.actor,
    )  # fmt: skip
    if (waits := visit.app.do(set_team_role, command)) is not None:
        return visit.go(_team_address(visit), said=waits.says_when)
    said = f"The team is {command.role} of {command.project}." if command.role else "The role is taken away."
    return visit.go(_team_address(visit), said=said)


def settings(visit: Visit) -> Response:
    """Its title."""
    found, role = _organization(visit)
    return visit.page("organization_settings.html", organization=found, role=role)


def save(visit: Visit) -> Response:
    """Change the title."""
    command = ChangeOrganization(visit.path["organization"], visit.field("display", limit=200), visit.actor)
    visit.app.do(change_organization, command)
    return visit.go(_address(command.organization, "settings/"), said="The title is changed.")


def _organization(visit: Visit) -> tuple[Organization, OrganizationRole | None]:
    """The organization that the address names, and what the visitor is in it; operators may be nothing."""
    with visit.app.database.read() as sql:
        found = find_organization(sql, visit.path["organization"])
        return found, people.member_role(sql, found.id, visit.me.id)


def _address(name: str, rest: str = "") -> str:
    return f"/manage/organization/{quote(name)}/{rest}"


def _team_address(visit: Visit) -> str:
    return _address(visit.path["organization"], f"teams/{quote(visit.path['team'])}/")
