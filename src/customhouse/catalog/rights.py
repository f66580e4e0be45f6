"""Who may do what with a project: computed from current membership each time it is asked, never copied.

Roles come from the project itself, from being an owner or manager of the organization that holds it, and from the teams
of that organization. A team of another organization gives nothing, so a transfer takes its grants along; a member who
has left gives nothing, whatever team lists still name him (TOB-13, incident of 2025-04-14).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.model import Project, Role
from customhouse.catalog.tables import (
    critical_mark,
    organization_member,
    project,
    project_role,
    team,
    team_member,
    team_role,
)
from customhouse.terms.identity import Actor
from customhouse.terms.scope import Action

MANAGING = ("owner", "manager")
"""Roles in an organization that make somebody an owner of its projects."""

_MEMBERS_OF_TEAMS = (
    sa.select(team_role.c.project_id, team_member.c.account_id, team_role.c.role)
    .join(team, team.c.id == team_role.c.team_id)
    .join(project, sa.and_(project.c.id == team_role.c.project_id, project.c.organization_id == team.c.organization_id))
    .join(team_member, team_member.c.team_id == team.c.id)
    .join(
        organization_member,
        sa.and_(
            organization_member.c.organization_id == team.c.organization_id,
            organization_member.c.account_id == team_member.c.account_id,
        ),
    )
)
_MEMBERS = sa.select(
    project.c.id.label("project_id"),
    organization_member.c.account_id,
    sa.case((organization_member.c.role.in_(MANAGING), "owner"), else_="member").label("role"),
).join(organization_member, organization_member.c.organization_id == project.c.organization_id)
_GRANTS = sa.union_all(
    sa.select(project_role.c.project_id, project_role.c.account_id, project_role.c.role), _MEMBERS_OF_TEAMS, _MEMBERS
).subquery("grants")
_ROLES = sa.select(_GRANTS.c.role).where(
    _GRANTS.c.project_id == sa.bindparam("project"), _GRANTS.c.account_id == sa.bindparam("account")
)
_PEOPLE = sa.select(_GRANTS.c.account_id, _GRANTS.c.role).where(_GRANTS.c.project_id == sa.bindparam("project"))
_OWNERS = sa.select(_GRANTS.c.project_id, _GRANTS.c.account_id).where(
    _GRANTS.c.role == "owner", _GRANTS.c.project_id.in_(sa.bindparam("projects", expanding=True))
)
_PROJECTS = (
    sa.select(project.c.normalized, project.c.id, _GRANTS.c.role)
    .join(_GRANTS, _GRANTS.c.project_id == project.c.id)
    .where(_GRANTS.c.account_id == sa.bindparam("account"))
)
_CRITICAL_PEOPLE = (
    sa.select(project.c.id.label("project_id"), project.c.normalized, project.c.visibility, _GRANTS.c.account_id)
    .join(critical_mark, critical_mark.c.normalized == project.c.normalized)
    .outerjoin(_GRANTS, sa.and_(_GRANTS.c.project_id == project.c.id, _GRANTS.c.role != "member"))
    .where(project.c.deleted_at.is_(None))
    .distinct()
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is to a project: his role, and whether he may read it while it is private."""

    role: Role | None = None
    reads: bool = False


def standing(
    sql: Connection, found: Project, actor: Actor, action: Action = "read", version: str | None = None
) -> Standing:
    """What somebody is to a project who wants to do this there. A token that is not for it makes him a stranger."""
    if not actor.scope.allows(action, found.normalized, version):
        return Standing(reads=found.public)
    if actor.account_id is None:
        return Standing(reads=found.public or actor.operator)
    roles = set(sql.execute(_ROLES, {"project": found.id, "account": actor.account_id}).scalars())
    return Standing(_strongest(roles), reads=found.public or bool(roles) or actor.operator)


def role_of(sql: Connection, project_id: int, account_id: int) -> Role | None:
    """The role of an account in a project."""
    return _strongest(set(sql.execute(_ROLES, {"project": project_id, "account": account_id}).scalars()))


def people_of(sql: Connection, project_id: int) -> list[tuple[int, Role]]:
    """Account ids and roles of all who may act for a project, owners first."""
    roles: dict[int, set[str]] = {}
    for row in sql.execute(_PEOPLE, {"project": project_id}):
        roles.setdefault(row.account_id, set()).add(row.role)
    strongest = [(account_id, _strongest(held)) for account_id, held in roles.items()]
    found = [(account_id, role) for account_id, role in strongest if role is not None]
    return sorted(found, key=lambda pair: (pair[1] != "owner", pair[0]))


def owners_of(sql: Connection, project_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """The account ids of the owners of each of these projects; those without any are missing."""
    found: dict[int, set[int]] = {}
    for row in sql.execute(_OWNERS, {"projects": sorted(project_ids)}):
        found.setdefault(row.project_id, set()).add(row.account_id)
    return {project_id: frozenset(owners) for project_id, owners in found.items()}


@dataclass(frozen=True, slots=True)
class CriticalProject:
    """A project that is critical, and who acts for it."""

    id: int
    normalized: str
    public: bool
    people: frozenset[int]


def critical_projects(sql: Connection) -> list[CriticalProject]:
    """The critical projects that are not deleted, by name, with the account ids of their owners and maintainers."""
    found: dict[int, tuple[str, bool, set[int]]] = {}
    for row in sql.execute(_CRITICAL_PEOPLE.order_by(project.c.normalized)):
        people = found.setdefault(row.project_id, (row.normalized, row.visibility == "public", set()))[2]
        if row.account_id is not None:
            people.add(row.account_id)
    return [
        CriticalProject(number, name, public, frozenset(people)) for number, (name, public, people) in found.items()
    ]


def publishers(wanted: sa.ColumnElement[bool]) -> sa.Select[tuple[str, int | None, int]]:
    """Name and organization of each project that the condition on `project` picks, with every owner and maintainer."""
    return (
        sa.select(project.c.normalized, project.c.organization_id, _GRANTS.c.account_id)
        .join(_GRANTS, _GRANTS.c.project_id == project.c.id)
        .where(_GRANTS.c.role != "member", project.c.deleted_at.is_(None), wanted)
        .distinct()
        .order_by(project.c.normalized)
    )


def projects_of(sql: Connection, account_id: int) -> dict[str, Role | None]:
    """Normalised names of the projects that somebody may act for or read as a member, with his role in each."""
    roles: dict[str, set[str]] = {}
    for row in sql.execute(_PROJECTS, {"account": account_id}):
        roles.setdefault(row.normalized, set()).add(row.role)
    return {name: _strongest(held) for name, held in sorted(roles.items())}


def all_roles() -> sa.Select[tuple[int, int]]:
    """Project and account of everybody who may act for a project, as a statement."""
    acting = _GRANTS.c.role.in_(("owner", "maintainer"))
    return sa.select(_GRANTS.c.project_id, _GRANTS.c.account_id).where(acting).distinct()


def _strongest(roles: Iterable[str]) -> Role | None:
    held = set(roles)
    return "owner" if "owner" in held else "maintainer" if "maintainer" in held else None
