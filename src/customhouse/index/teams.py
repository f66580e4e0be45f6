"""Teams of an organization: who is in them, and what they may do with its projects.

Only rows are written here; what they give is computed from current membership whenever somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.catalog import queries, teams
from customhouse.catalog.membership import check_name, may_manage
from customhouse.catalog.model import Project
from customhouse.catalog.organizations import Organization
from customhouse.catalog.people_events import (
    TeamCreated,
    TeamMemberAdded,
    TeamMemberRemoved,
    TeamRemoved,
    TeamRoleChanged,
    TeamRoleRemoved,
)
from customhouse.catalog.protection import protected_projects_held_by
from customhouse.catalog.roles import ROLES
from customhouse.catalog.staged_tables import release_rule
from customhouse.catalog.tables import project, team, team_member, team_role
from customhouse.catalog.teams import Team
from customhouse.index import people
from customhouse.index.organization_subject import lock_organization
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.slow.queries import open_changes_of_project
from customhouse.index.subject import refuse_if, unknown
from customhouse.infra.db import insert_new, put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity
from customhouse.terms.names import normalize

MAX_TEAMS = 200


@dataclass(frozen=True, slots=True)
class AboutTeam:
    """A wish to make or to remove a team."""

    organization: str
    team: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class AboutTeamMember:
    """A wish that somebody be in a team, or no longer."""

    organization: str
    team: str
    user: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class AboutTeamRole:
    """A wish about what a team may do with a project; an empty role takes it away."""

    organization: str
    team: str
    project: str
    role: str = ""
    by: Actor = COMMAND_LINE


def create_team(command: AboutTeam, tx: Tx) -> str:
    """Make a team with nobody in it; returns its name."""
    found, by = _managed(tx, command.organization, command.by)
    name = check_name(command.team, "a team")
    if teams.find_team(tx.sql, found.id, name) is not None:
        raise Refused("team-exists", f"{found.name!r} has a team named {name!r} already.", status=409)
    if len(teams.teams_of(tx.sql, found.id)) >= MAX_TEAMS:
        raise Refused("too-many-teams", f"{found.name!r} has {MAX_TEAMS} teams.", "Remove one first.", status=409)
    tx.sql.execute(team.insert().values(organization_id=found.id, name=name))
    tx.record(TeamCreated(by, None, organization=found.name, team=name))
    return name


def remove_team(command: AboutTeam, tx: Tx) -> PendingChange | None:
    """Remove a team, and the roles that it gave; if it owns protected projects, after the delay."""
    found, by = _managed(tx, command.organization, command.by)
    gone = _team(tx, found, command.team)
    _refuse_if_it_approves(tx, gone)
    if teams.members_of(tx.sql, gone.id):
        sentence = f"the team {gone.name} of {found.name} is removed"
        if waits := _wait(tx, found, gone, None, command.by, {"deed": "remove-team"}, sentence):
            return waits
    for grant in teams.roles_of_team(tx.sql, gone.id):
        tx.record(TeamRoleRemoved(by, grant.normalized, organization=found.name, team=gone.name, role=grant.role))
    tx.sql.execute(team_role.delete().where(team_role.c.team_id == gone.id))
    tx.sql.execute(team_member.delete().where(team_member.c.team_id == gone.id))
    tx.sql.execute(team.delete().where(team.c.id == gone.id))
    tx.record(TeamRemoved(by, None, organization=found.name, team=gone.name))
    return None


def add_team_member(command: AboutTeamMember, tx: Tx) -> str | PendingChange:
    """Put a member of the organization into a team; returns his name, or what waits if it owns protected projects."""
    found, by = _managed(tx, command.organization, command.by)
    which = _team(tx, found, command.team)
    user = people.find_person(tx.sql, command.user)
    if people.member_role(tx.sql, found.id, user.id) is None:
        raise Refused("no-member", f"{user.name!r} does not belong to {found.name!r}.", "Invite him first.", status=409)
    if user.id not in teams.members_of(tx.sql, which.id):
        sentence = f"{user.name} joins the team {which.name} of {found.name}"
        wish = {"deed": "add-team-member", "user": user.name}
        if waits := _wait(tx, found, which, user.id, command.by, wish, sentence):
            return waits
    if insert_new(tx.sql, team_member, team_id=which.id, account_id=user.id) is None:
        raise Refused("in-team", f"{user.name!r} is in {which.name!r} already.", status=409)
    tx.record(TeamMemberAdded(by, None, organization=found.name, team=which.name, user_id=str(user.id), name=user.name))
    return user.name


def remove_team_member(command: AboutTeamMember, tx: Tx) -> str | PendingChange:
    """Take somebody out of a team; returns his name, or what waits if it owns protected projects."""
    found, by = _managed(tx, command.organization, command.by)
    which = _team(tx, found, command.team)
    user = people.find_person(tx.sql, command.user)
    if user.id in teams.members_of(tx.sql, which.id):
        sentence = f"{user.name} leaves the team {which.name} of {found.name}"
        wish = {"deed": "remove-team-member", "user": user.name}
        if waits := _wait(tx, found, which, user.id, command.by, wish, sentence):
            return waits
    gone = tx.sql.execute(
        team_member.delete().where(team_member.c.team_id == which.id, team_member.c.account_id == user.id)
    ).rowcount
    if not gone:
        raise Refused("not-in-team", f"{user.name!r} is not in {which.name!r}.", status=404)
    tx.record(
        TeamMemberRemoved(by, None, organization=found.name, team=which.name, user_id=str(user.id), name=user.name)
    )
    return user.name


def set_team_role(command: AboutTeamRole, tx: Tx) -> PendingChange | None:
    """Say what a team may do with a project that its organization holds. The project is locked before the team.

    Making a team an owner of a protected project, and ending that, waits; then what waits is returned.
    """
    project = queries.find_project(tx.sql, normalize(command.project), lock=True)
    found, by = _managed(tx, command.organization, command.by)
    which = _team(tx, found, command.team)
    if project is None or project.organization_id != found.id or project.deleted_at is not None:
        raise unknown(f"project named {command.project[:100]!r} in {found.name!r}")
    held = {grant.project_id: grant.role for grant in teams.roles_of_team(tx.sql, which.id)}.get(project.id, "")
    if command.role and command.role not in ROLES:
        raise Refused("bad-role", f"{command.role!r} is no role.", "owner or maintainer.", status=400)
    if command.role and held == command.role:
        raise Refused("has-role", f"That is the role already: {held}.", status=409)
    if "owner" in (held, command.role):
        becomes = f"becomes {command.role}" if command.role else "has no role any more"
        waits = put_off(
            tx, "team-changed", project=project, by=command.by, what=f"role:{which.name}",
            arguments={
                "deed": "set-team-role", "organization": found.name, "team": which.name, "project": project.normalized,
                "role": command.role,
            },
            sentence=f"the team {which.name} of {found.name} {becomes} in {project.display}",
        )  # fmt: skip
        if waits is not None:
            return waits
    if not command.role:
        _take_role(tx, found, which, project, held, by)
        return None
    put_rows(tx.sql, team_role, [{"team_id": which.id, "project_id": project.id, "role": command.role}])
    tx.record(
        TeamRoleChanged(
            by, project.normalized, organization=found.name, team=which.name, role=command.role, before=held
        )
    )
    return None


def _take_role(tx: Tx, found: Organization, which: Team, project: Project, held: str, by: Identity) -> None:
    if not held:
        raise Refused("no-role", f"{which.name!r} has no role in {project.display!r}.", status=404)
    tx.sql.execute(team_role.delete().where(team_role.c.team_id == which.id, team_role.c.project_id == project.id))
    tx.record(TeamRoleRemoved(by, project.normalized, organization=found.name, team=which.name, role=held))


def _wait(
    tx: Tx, found: Organization, which: Team, about: int | None, by: Actor, wish: dict[str, str], sentence: str
) -> PendingChange | None:
    """What waits, if the team is an owner of a protected project, or only waits to become one.

    Otherwise others would join what was announced, before it takes effect.
    """
    owned = {grant.project_id for grant in teams.roles_of_team(tx.sql, which.id) if grant.role == "owner"}
    held = [one.id for one in protected_projects_held_by(tx.sql, found.id)]
    if not any(one in owned or _will_own(tx, which, one) for one in held):
        return None
    arguments = {**wish, "organization": found.name, "team": which.name}
    return put_off(
        tx, "team-changed", organization=found, about=about, by=by, arguments=arguments, sentence=sentence,
        what=which.name,
    )  # fmt: skip


def _will_own(tx: Tx, which: Team, project_id: int) -> bool:
    """Whether a change waits that makes a team an owner of a project of its organization."""
    return any(
        one.arguments.get("deed") == "set-team-role"
        and one.arguments.get("team") == which.name
        and one.arguments.get("role") == "owner"
        for one in open_changes_of_project(tx.sql, project_id)
    )


def _managed(tx: Tx, name: str, by: Actor) -> tuple[Organization, Identity]:
    """The organization, locked, and in whose name its manager acts."""
    found, role = lock_organization(tx, name, by)
    refuse_if(may_manage(found, role, operator=by.operator))
    return found, people.acting(by, by_right=role in ("owner", "manager"))


def _refuse_if_it_approves(tx: Tx, gone: Team) -> None:
    """A team whose members approve releases is named by a rule, which must name another first."""
    ruled = (
        sa.select(project.c.display)
        .join(release_rule, release_rule.c.project_id == project.c.id)
        .where(release_rule.c.team_id == gone.id)
        .order_by(project.c.normalized)
    )
    display = tx.sql.execute(ruled).scalars().first()
    if display is not None:
        raise Refused(
            "team-approves", f"The members of {gone.name!r} approve the releases of {display!r}.",
            "Change its rule first.", status=409,
        )  # fmt: skip


def _team(tx: Tx, found: Organization, name: str) -> Team:
    which = teams.find_team(tx.sql, found.id, name)
    if which is None:
        raise teams.unknown_team(name)
    return which
