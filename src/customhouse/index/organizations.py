"""Organizations: making one, what its members are, leaving it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from customhouse.accounts import index_flags
from customhouse.accounts.users import User, find_user_by_id
from customhouse.catalog import invitations, rights
from customhouse.catalog.membership import (
    check_name,
    check_title,
    may_change_member,
    may_leave_organization,
    may_manage,
    may_remove_member,
)
from customhouse.catalog.organizations import Organization, OrganizationRole, find_organization
from customhouse.catalog.people_events import (
    MemberChanged,
    MemberRemoved,
    OrganizationChanged,
    OrganizationCreated,
    RoleRemoved,
    TeamMemberRemoved,
)
from customhouse.catalog.protection import protected_projects_held_by
from customhouse.catalog.rights import MANAGING
from customhouse.catalog.tables import organization, organization_member, project, project_role, team, team_member
from customhouse.index import people
from customhouse.index.invite import take_back
from customhouse.index.organization_subject import lock_organization
from customhouse.index.slow.forget import forget_gifts
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import refuse_if
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity


@dataclass(frozen=True, slots=True)
class CreateOrganization:
    """A wish for an organization. Its owner is who wishes it, or on the command line the named user."""

    name: str
    display: str = ""
    owner: str = ""
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class ChangeOrganization:
    """A wish to show an organization under another title."""

    organization: str
    display: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class ChangeMember:
    """A wish that somebody be something else in an organization."""

    organization: str
    user: str
    role: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """A wish that somebody belong to an organization no more; an empty ``user`` is the actor himself."""

    organization: str
    user: str = ""
    by: Actor = COMMAND_LINE


def create_organization(command: CreateOrganization, tx: Tx) -> Organization:
    """Make an organization under a free name; names that differ only in case are the same name."""
    index_flags.refuse_if_flagged(tx.sql, "no-new-projects", actor=command.by)
    name, display = check_name(command.name, "an organization"), check_title(command.display)
    if command.owner and command.by.operator:
        owner = people.find_person(tx.sql, command.owner)
    elif command.by.account_id is not None:
        owner = find_user_by_id(tx.sql, command.by.account_id)
    else:
        raise Refused("no-owner", "An organization needs an owner.", "Name one with --owner.", status=400)
    made = insert_new(tx.sql, organization, name=name, normalized=name.lower(), display=display, created_at=tx.now())
    if made is None:
        raise Refused("organization-exists", f"The name {name!r} is taken.", "Choose another name.", status=409)
    tx.sql.execute(organization_member.insert().values(organization_id=made[0], account_id=owner.id, role="owner"))
    tx.record(
        OrganizationCreated(command.by.identity, None, organization=name, owner_id=str(owner.id), owner=owner.name)
    )
    return find_organization(tx.sql, name)


def change_organization(command: ChangeOrganization, tx: Tx) -> Organization:
    """Change the title."""
    found, role = lock_organization(tx, command.organization, command.by)
    refuse_if(may_manage(found, role, operator=command.by.operator))
    display = check_title(command.display)
    tx.sql.execute(organization.update().where(organization.c.id == found.id).values(display=display))
    by = people.acting(command.by, by_right=role is not None)
    tx.record(OrganizationChanged(by, None, organization=found.name, display=display, before=found.display))
    return find_organization(tx.sql, found.name)


def change_member(command: ChangeMember, tx: Tx) -> User | PendingChange:
    """Change what somebody is. The organization's row is locked: of two owners who demote each other one stays.

    If it makes or ends an owner of protected projects, it waits; then what waits is returned.
    """
    found, role = lock_organization(tx, command.organization, command.by)
    operator = command.by.operator
    refuse_if(may_change_member(found, role, "member", "owner", survives=True, operator=operator))
    user = people.find_person(tx.sql, command.user)
    held = people.member_role(tx.sql, found.id, user.id) or ""
    survives = command.role == "owner" or people.keeps_a_head(tx.sql, found.id, without=user.id)
    refuse_if(may_change_member(found, role, held, command.role, survives=survives, operator=operator))
    if held in MANAGING or command.role in MANAGING:
        waits = put_off(
            tx, "member-changed", organization=found, about=user.id, by=command.by,
            arguments={
                "deed": "change-member", "organization": found.name, "user": user.name, "role": command.role
            },
            sentence=f"{user.name} becomes {command.role} of {found.name}",
        )  # fmt: skip
        if waits is not None:
            return waits
    tx.sql.execute(
        organization_member.update()
        .where(organization_member.c.organization_id == found.id, organization_member.c.account_id == user.id)
        .values(role=command.role)
    )
    tx.record(
        MemberChanged(
            people.acting(command.by, by_right=role == "owner"), None, organization=found.name, user_id=str(user.id),
            name=user.name, role=command.role, before=held,
        )
    )  # fmt: skip
    return user


def remove_member(command: RemoveMember, tx: Tx) -> User | PendingChange:
    """Remove somebody, or leave. Whoever owns protected projects of the organization goes after the delay.

    He owns them as one of its heads, by a role of his own in one of them, or by a team.

    With the membership go its teams, the roles that the organization's projects have given to this account by name, and
    every open invitation to any of them: after leaving, no way leads back in.
    """
    found, role = lock_organization(tx, command.organization, command.by)
    leaves = not command.user
    if leaves:
        user = find_user_by_id(tx.sql, command.by.account_id or 0)
        check = partial(may_leave_organization, found)
    else:
        refuse_if(may_remove_member(found, role, "member", survives=True, operator=command.by.operator))
        user = people.find_person(tx.sql, command.user)
        check = partial(may_remove_member, found, role, operator=command.by.operator)
    held = people.member_role(tx.sql, found.id, user.id)
    refuse_if(check(held or "", survives=people.keeps_a_head(tx.sql, found.id, without=user.id)))
    if held in MANAGING or _owns_protected(tx, found, user):
        waits = put_off(
            tx, "member-changed", organization=found, about=user.id, by=command.by,
            arguments={"deed": "remove-member", "organization": found.name, "user": "" if leaves else user.name},
            sentence=f"{user.name} {'leaves' if leaves else 'is removed from'} {found.name}",
        )  # fmt: skip
        if waits is not None:
            return waits
    by = people.acting(command.by, by_right=role in ("owner", "manager") or leaves)
    _remove(tx, found, user, held or "member", by, left=leaves)
    return user


def _owns_protected(tx: Tx, found: Organization, user: User) -> bool:
    """Whether somebody owns one of the protected projects that an organization holds, however he came by it."""
    held = protected_projects_held_by(tx.sql, found.id)
    return any(rights.role_of(tx.sql, one.id, user.id) == "owner" for one in held)


def _remove(tx: Tx, found: Organization, user: User, held: OrganizationRole, by: Identity, *, left: bool) -> None:
    for project_id in tx.sql.execute(sa.select(project.c.id).where(project.c.organization_id == found.id)).scalars():
        forget_gifts(tx, project_id, user.id)
    for name in _leave_teams(tx, found, user):
        tx.record(TeamMemberRemoved(by, None, organization=found.name, team=name, user_id=str(user.id), name=user.name))
    for normalized, role in _lose_direct_roles(tx, found, user):
        tx.record(RoleRemoved(by, normalized, user_id=str(user.id), name=user.name, role=role, left=left))
    take_back(tx, invitations.unanswered_of_organization(tx.sql, found.id, user.id), by)
    tx.sql.execute(
        organization_member.delete().where(
            organization_member.c.organization_id == found.id, organization_member.c.account_id == user.id
        )
    )
    tx.record(
        MemberRemoved(by, None, organization=found.name, user_id=str(user.id), name=user.name, role=held, left=left)
    )


def _leave_teams(tx: Tx, found: Organization, user: User) -> list[str]:
    """Take somebody out of every team; returns their names."""
    rows = tx.sql.execute(
        sa.select(team.c.id, team.c.name)
        .join(team_member, team_member.c.team_id == team.c.id)
        .where(team.c.organization_id == found.id, team_member.c.account_id == user.id)
        .order_by(team.c.name)
    ).all()
    tx.sql.execute(
        team_member.delete().where(
            team_member.c.team_id.in_([row.id for row in rows]), team_member.c.account_id == user.id
        )
    )
    return [row.name for row in rows]


def _lose_direct_roles(tx: Tx, found: Organization, user: User) -> list[tuple[str, str]]:
    """Take the roles that the organization's projects have given; returns name and role of each."""
    rows = tx.sql.execute(
        sa.select(project.c.id, project.c.normalized, project_role.c.role)
        .join(project_role, project_role.c.project_id == project.c.id)
        .where(project.c.organization_id == found.id, project_role.c.account_id == user.id)
        .order_by(project.c.normalized)
    ).all()
    tx.sql.execute(
        project_role.delete().where(
            project_role.c.project_id.in_([row.id for row in rows]), project_role.c.account_id == user.id
        )
    )
    return [(row.normalized, row.role) for row in rows]
