"""People of projects and organizations, with the names of their accounts: reads that join two rooms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.accounts.users import User
from customhouse.catalog import rights, teams
from customhouse.catalog.model import Project, Role
from customhouse.catalog.organizations import Organization, OrganizationRole
from customhouse.catalog.tables import organization, organization_member, project_role
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor, Identity

# Made once: building a statement costs more than running it.
_DIRECT = sa.select(project_role.c.role).where(
    project_role.c.project_id == sa.bindparam("project"), project_role.c.account_id == sa.bindparam("account")
)
_DIRECT_ALL = sa.select(project_role.c.account_id, project_role.c.role).where(
    project_role.c.project_id == sa.bindparam("project")
)
_LIVING_OWNERS = (
    sa.select(project_role.c.account_id)
    .join(account, account.c.id == project_role.c.account_id)
    .where(
        project_role.c.project_id == sa.bindparam("project"),
        project_role.c.role == "owner",
        account.c.frozen_at.is_(None),
        project_role.c.account_id != sa.bindparam("without"),
    )
)
_MEMBER = sa.select(organization_member.c.role).where(
    organization_member.c.organization_id == sa.bindparam("organization"),
    organization_member.c.account_id == sa.bindparam("account"),
)
_MEMBERS = (
    sa.select(organization_member.c.account_id, account.c.name, organization_member.c.role, account.c.frozen_at)
    .join(account, account.c.id == organization_member.c.account_id)
    .where(organization_member.c.organization_id == sa.bindparam("organization"))
    .order_by(sa.case({"owner": 0, "manager": 1}, value=organization_member.c.role, else_=2), account.c.normalized)
)
_LIVING_HEADS = (
    sa.select(organization_member.c.account_id)
    .join(account, account.c.id == organization_member.c.account_id)
    .where(
        organization_member.c.organization_id == sa.bindparam("organization"),
        organization_member.c.role == "owner",
        account.c.frozen_at.is_(None),
        organization_member.c.account_id != sa.bindparam("without"),
    )
)
_BY_NAME = sa.select(account.c.id, account.c.name, account.c.frozen_at, account.c.site_role)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody who may act for a project or read it, and where that comes from."""

    account_id: int
    name: str
    role: Role | None
    """The strongest; None for somebody who only reads it, as a member of the organization."""
    direct: str
    """The role that the project itself has given, or empty."""
    through: tuple[str, ...]
    """Everything else that gives rights, in words."""
    frozen: bool


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody who belongs to an organization."""

    account_id: int
    name: str
    role: OrganizationRole
    frozen: bool


def direct_role(sql: Connection, project_id: int, account_id: int) -> str:
    """The role that the project itself has given an account, or empty."""
    return sql.execute(_DIRECT, {"project": project_id, "account": account_id}).scalar() or ""


def direct_roles(sql: Connection, project_id: int) -> dict[int, str]:
    """The roles that the project itself has given, by account."""
    return {row.account_id: row.role for row in sql.execute(_DIRECT_ALL, {"project": project_id})}


def keeps_an_owner(sql: Connection, found: Project, *, without: int) -> bool:
    """Whether a living owner is left if this account is none: a direct one, or one of the organization that holds it.

    Somebody whose account is frozen cannot act, and does not count. Owners by way of a team do not count either: a team
    may lose its members at any time, the organization never its last owner.
    """
    values = {"project": found.id, "organization": found.organization_id, "without": without}
    if sql.execute(_LIVING_OWNERS, values).first() is not None:
        return True
    # The account may well own the organization: that right it keeps.
    return found.organization_id is not None and sql.execute(_LIVING_HEADS, values | {"without": 0}).first() is not None


def member_role(sql: Connection, organization_id: int, account_id: int | None) -> OrganizationRole | None:
    """What somebody is in an organization."""
    if account_id is None:
        return None
    return sql.execute(_MEMBER, {"organization": organization_id, "account": account_id}).scalar()


def keeps_a_head(sql: Connection, organization_id: int, *, without: int) -> bool:
    """Whether the organization has a living owner besides this account."""
    return sql.execute(_LIVING_HEADS, {"organization": organization_id, "without": without}).first() is not None


def members_of(sql: Connection, organization_id: int) -> list[MemberRow]:
    """Who belongs to an organization: owners first, then by name."""
    rows = sql.execute(_MEMBERS, {"organization": organization_id})
    return [MemberRow(row.account_id, row.name, row.role, row.frozen_at is not None) for row in rows]


def people_rows(sql: Connection, found: Project) -> list[PersonRow]:
    """Everybody who may act for a project or read it while it is private: owners first, then by name."""
    roles = dict(rights.people_of(sql, found.id))
    direct = direct_roles(sql, found.id)
    through: dict[int, list[str]] = {}
    if (holder := holder_of(sql, found)) is not None:
        for member in members_of(sql, holder.id):
            through.setdefault(member.account_id, []).append(f"{member.role} of {holder.name}")
        for grant in teams.roles_in_project(sql, found.id):
            for member_id in teams.members_of(sql, grant.team.id):
                through.setdefault(member_id, []).append(f"{grant.role} by the team {grant.team.name}")
    users = users_by_id(sql, {*roles, *direct, *through})
    rows = [
        PersonRow(
            user.id,
            user.name,
            roles.get(user.id),
            direct.get(user.id, ""),
            tuple(through.get(user.id, ())),
            user.frozen,
        )
        for user in users.values()
    ]
    return sorted(rows, key=lambda row: (row.role != "owner", row.role is None, row.name.lower()))


def holder_of(sql: Connection, found: Project) -> Organization | None:
    """The organization that holds a project, or None."""
    if found.organization_id is None:
        return None
    columns = (organization.c.id, organization.c.name, organization.c.display, organization.c.created_at)
    return Organization(*sql.execute(sa.select(*columns).where(organization.c.id == found.organization_id)).one())


def users_by_id(sql: Connection, account_ids: Iterable[int]) -> Mapping[int, User]:
    """The accounts with these ids."""
    wanted = sorted(set(account_ids))
    rows = sql.execute(_BY_NAME.where(account.c.id.in_(wanted))) if wanted else ()
    return {row.id: User(row.id, row.name, row.frozen_at is not None, row.site_role) for row in rows}


def find_person(sql: Connection, text: str) -> User:
    """The account of that name, or the only one with that verified address; raises `Refused` (404).

    An address that nobody has proved to be his says nothing, so it finds nobody.
    """
    wanted = text.strip()
    if "@" in wanted:
        where = sa.and_(sa.func.lower(account.c.email) == wanted.lower(), account.c.email_verified_at.is_not(None))
    else:
        where = account.c.normalized == wanted.lower()
    rows: Sequence[Any] = sql.execute(_BY_NAME.where(where).limit(2)).all() if wanted else ()
    if len(rows) != 1:
        raise Refused(
            "no-such-user",
            f"There is no account with the name or the address {wanted[:100]!r}.",
            "Ask for the user name; it stands at the top of every page.",
            status=404,
        )
    (row,) = rows
    return User(row.id, row.name, row.frozen_at is not None, row.site_role)


def acting(actor: Actor, *, by_right: bool) -> Identity:
    """In whose name an event is written: an operator who has no right of his own acts in the operator's chair."""
    return actor.as_operator if actor.operator and not by_right else actor.identity
