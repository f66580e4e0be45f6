"""Inviting an existing account into a project or an organization, and taking an invitation back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict

from customhouse.accounts.users import User
from customhouse.catalog import invitations
from customhouse.catalog.invitations import InvitationKind, NamedInvitation, may_withdraw
from customhouse.catalog.membership import may_invite_member
from customhouse.catalog.model import Project
from customhouse.catalog.organizations import Organization
from customhouse.catalog.people_events import InvitationMade, InvitationWithdrawn
from customhouse.catalog.roles import Invitee, may_invite
from customhouse.index import people
from customhouse.index.organization_subject import lock_organization
from customhouse.index.owes import refuse_unverified_guest
from customhouse.index.subject import lock_subject, refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity

WEEK = timedelta(days=7)


class Facts(TypedDict):
    """The fields that all events of invitations have."""

    invitation_id: int
    invitation_kind: str
    organization: str
    user_id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class InviteToProject:
    """A wish that somebody be owner or maintainer of a project. ``who`` is a user name or a verified address."""

    project: str
    who: str
    role: str
    life: timedelta = WEEK
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class InviteToOrganization:
    """A wish that somebody belong to an organization."""

    organization: str
    who: str
    role: str
    life: timedelta = WEEK
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A wish to take back an invitation to a project or to an organization: exactly one of them is named."""

    invitation: str
    project: str = ""
    organization: str = ""
    by: Actor = COMMAND_LINE


def invite_to_project(command: InviteToProject, tx: Tx) -> User:
    """Invite an account into a project; returns whom. What it gives, it gives when it is accepted."""
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, role = subject.project, subject.standing.role
    # Who may not invite learns nothing about accounts either.
    nobody = Invitee(0, "")
    refuse_if(may_invite(found, role, command.role, nobody, operator=command.by.operator))
    user = people.find_person(tx.sql, command.who)
    refuse_unverified_guest(tx.sql, user)
    held = people.direct_role(tx.sql, found.id, user.id)
    waiting = invitations.is_waiting(tx.sql, "project", found.id, user.id, tx.now())
    invitee = Invitee(user.id, user.name, user.frozen, held, waiting)
    refuse_if(may_invite(found, role, command.role, invitee, operator=command.by.operator))
    by = people.acting(command.by, by_right=role == "owner")
    write_invitation(tx, "project", user, command.role, command.by, by, command.life, project=found)
    return user


def invite_to_organization(command: InviteToOrganization, tx: Tx) -> User:
    """Invite an account into an organization; returns whom."""
    found, role = lock_organization(tx, command.organization, command.by)
    operator = command.by.operator
    refuse_if(may_invite_member(found, role, command.role, Invitee(0, ""), operator=operator))
    user = people.find_person(tx.sql, command.who)
    refuse_unverified_guest(tx.sql, user)
    held = people.member_role(tx.sql, found.id, user.id) or ""
    waiting = invitations.is_waiting(tx.sql, "organization", found.id, user.id, tx.now())
    invitee = Invitee(user.id, user.name, user.frozen, held, waiting)
    refuse_if(may_invite_member(found, role, command.role, invitee, operator=operator))
    by = people.acting(command.by, by_right=role in ("owner", "manager"))
    write_invitation(tx, "organization", user, command.role, command.by, by, command.life, organization=found)
    return user


def withdraw(command: Withdraw, tx: Tx) -> None:
    """Take an invitation back, for whoever could make it. Doing it after the answer is refused."""
    row = invitations.find_invitation(tx.sql, command.invitation)
    wanted = row.invitation.role if row is not None else ""
    if command.organization:
        found, role = lock_organization(tx, command.organization, command.by)
        belongs = row is not None and row.invitation.organization_id == found.id
        by_right = may_invite_member(found, role, wanted, Invitee(0, "")) is None
    else:
        subject = lock_subject(tx, command.project, "", "", command.by)
        belongs = row is not None and row.invitation.project_id == subject.project.id
        by_right = subject.standing.role == "owner"
    if row is None or not belongs:
        raise Refused("unknown-invitation", "There is no such invitation here.", status=404)
    # Once more, now that its project or organization is locked.
    row = invitations.find_invitation(tx.sql, command.invitation) or row
    refuse_if(may_withdraw(row.invitation, may_invite=by_right or command.by.operator))
    take_back(tx, [row], people.acting(command.by, by_right=by_right))


def write_invitation(
    tx: Tx,
    kind: InvitationKind,
    user: User,
    role: str,
    actor: Actor,
    by: Identity,
    life: timedelta,
    *,
    project: Project | None = None,
    organization: Organization | None = None,
) -> None:
    """Write the invitation and its event; the mail follows from the event."""
    expires_at = tx.now() + life
    invitation_id = invitations.add_invitation(
        tx.sql, kind, user.id, role, by=actor.account_id, at=tx.now(), expires_at=expires_at,
        project_id=project.id if project is not None else None,
        organization_id=organization.id if organization is not None else None,
    )  # fmt: skip
    tx.record(
        InvitationMade(
            by, project.normalized if project is not None else None, invitation_id=invitation_id,
            invitation_kind=kind, organization=organization.name if organization is not None else "",
            user_id=str(user.id), name=user.name, role=role, expires_at=expires_at.isoformat(timespec="seconds"),
        )
    )  # fmt: skip


def take_back(tx: Tx, rows: Sequence[NamedInvitation], by: Identity) -> None:
    """Answer invitations as withdrawn, except those that were answered in the meantime."""
    names = people.users_by_id(tx.sql, [row.invitation.account_id for row in rows])
    for row in rows:
        if invitations.answer_once(tx.sql, row.invitation.id, "withdrawn", tx.now()):
            tx.record(InvitationWithdrawn(by, row.normalized, **facts_of(row, names[row.invitation.account_id])))


def facts_of(row: NamedInvitation, user: User) -> Facts:
    """What every event of an invitation says."""
    return {
        "invitation_id": row.invitation.id, "invitation_kind": row.invitation.kind, "organization": row.organization,
        "user_id": str(user.id), "name": user.name, "role": row.invitation.role,
    }  # fmt: skip
