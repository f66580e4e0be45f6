"""Teams of organizations: who is in them, and what they may do with which project. Reads.

Rights are computed from these rows each time (see `catalog.rights`): a team gives nothing to somebody who does not
belong to its organization, and nothing for a project that its organization does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import organization_member, project, team, team_member, team_role
from customhouse.terms.errors import Refused


@dataclass(frozen=True, slots=True)
class Team:
    """A team of one organization."""

    id: int
    organization_id: int
    name: str


@dataclass(frozen=True, slots=True)
class TeamRole:
    """What a team may do with one project."""

    team: Team
    project_id: int
    normalized: str
    role: str


def find_team(sql: Connection, organization_id: int, name: str) -> Team | None:
    """The team of that name, whatever its case."""
    row = sql.execute(
        sa.select(team.c.id, team.c.organization_id, team.c.name).where(
            team.c.organization_id == organization_id, sa.func.lower(team.c.name) == name.lower()
        )
    ).one_or_none()
    return Team(*row) if row else None


def teams_of(sql: Connection, organization_id: int) -> list[Team]:
    """The teams of an organization, by name."""
    rows = sql.execute(
        sa.select(team.c.id, team.c.organization_id, team.c.name)
        .where(team.c.organization_id == organization_id)
        .order_by(sa.func.lower(team.c.name))
    )
    return [Team(*row) for row in rows]


def members_of(sql: Connection, team_id: int) -> list[int]:
    """The accounts in a team that belong to its organization."""
    rows = sql.execute(
        sa.select(team_member.c.account_id)
        .join(team, team.c.id == team_member.c.team_id)
        .join(
            organization_member,
            sa.and_(
                organization_member.c.organization_id == team.c.organization_id,
                organization_member.c.account_id == team_member.c.account_id,
            ),
        )
        .where(team_member.c.team_id == team_id)
        .order_by(team_member.c.account_id)
    )
    return list(rows.scalars())


def roles_of_team(sql: Connection, team_id: int) -> list[TeamRole]:
    """What a team may do, by project."""
    return _roles(sql, team.c.id == team_id)


def roles_in_project(sql: Connection, project_id: int) -> list[TeamRole]:
    """Which teams may do what with a project."""
    return _roles(sql, team_role.c.project_id == project_id)


def projects_held(sql: Connection, organization_id: int) -> list[tuple[str, str, str]]:
    """Normalised name, display name and visibility of the projects that an organization holds and has not deleted."""
    rows = sql.execute(
        sa.select(project.c.normalized, project.c.display, project.c.visibility)
        .where(project.c.organization_id == organization_id, project.c.deleted_at.is_(None))
        .order_by(project.c.normalized)
    )
    return [(row.normalized, row.display, row.visibility) for row in rows]


def name_of_team(sql: Connection, team_id: int) -> str:
    """The name of a team."""
    name: str = sql.execute(sa.select(team.c.name).where(team.c.id == team_id)).scalar_one()
    return name


def unknown_team(name: str) -> Refused:
    """There is no such team in that organization."""
    return Refused("unknown-team", f"This organization has no team named {name[:50]!r}.", status=404)


def _roles(sql: Connection, where: sa.ColumnElement[bool]) -> list[TeamRole]:
    holds = project.c.organization_id == team.c.organization_id
    rows = sql.execute(
        sa.select(
            team.c.id, team.c.organization_id, team.c.name, project.c.id.label("project_id"), project.c.normalized,
            team_role.c.role,
        )
        .join(team, team.c.id == team_role.c.team_id)
        .join(project, sa.and_(project.c.id == team_role.c.project_id, holds))
        .where(where)
        .order_by(project.c.normalized, sa.func.lower(team.c.name))
    )  # fmt: skip
    return [
        TeamRole(Team(row.id, row.organization_id, row.name), row.project_id, row.normalized, row.role) for row in rows
    ]
