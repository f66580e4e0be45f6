"""Answering an invitation: once, by whom it names, and only if it still holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from customhouse.accounts.users import User, find_user_by_id
from customhouse.catalog import invitations, queries, rights
from customhouse.catalog.invitations import NamedInvitation, may_accept, may_decline, unknown_invitation
from customhouse.catalog.membership import RANKS, may_invite_member
from customhouse.catalog.model import Project
from customhouse.catalog.people_events import (
    InvitationAccepted,
    InvitationDeclined,
    InvitationNotYours,
    MemberChanged,
    RoleChanged,
)
from customhouse.catalog.rights import MANAGING
from customhouse.catalog.roles import ROLES, Invitee
from customhouse.catalog.tables import organization_member, project_role
from customhouse.index import people
from customhouse.index.invite import WEEK, facts_of
from customhouse.index.organization_subject import lock_holder
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import refuse_if
from customhouse.index.transfer import may_still_offer, take_over
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Broken, Refused
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody's answer to an invitation that he has received."""

    invitation: str
    accept: bool
    by: Actor


@dataclass(frozen=True, slots=True)
class Answered:
    """What an invitation was about, and what waits before it gives that."""

    invitation: NamedInvitation
    waits: PendingChange | None = None


def answer_invitation(command: Answer, tx: Tx) -> Answered:
    """Accept or decline; returns what it was about. What makes an owner of a protected project waits after that.

    Only the account that it names can see or answer it; everybody else is told that there is none, and leaves a trace.
    What it is about is locked and looked up again, so a removal, a transfer or another answer that came first counts.
    """
    seen = invitations.find_invitation(tx.sql, command.invitation)
    if seen is None or seen.invitation.account_id != command.by.account_id:
        not_yours = unknown_invitation()
        trace = InvitationNotYours(command.by.identity, None, invitation=command.invitation[:80])
        raise Refused(not_yours.code, not_yours.sentence, status=not_yours.status, records=(trace,))
    user = find_user_by_id(tx.sql, seen.invitation.account_id)
    if not command.accept:
        refuse_if(may_decline(seen.invitation))
        _answer(tx, seen, "declined")
        tx.record(InvitationDeclined(user.identity, seen.normalized, **facts_of(seen, user)))
        return Answered(seen)
    join = _join_organization if seen.invitation.kind == "organization" else _join_project
    return Answered(seen, join(tx, seen, user))


def _join_project(tx: Tx, seen: NamedInvitation, user: User) -> PendingChange | None:
    found = queries.find_project(tx.sql, seen.normalized or "", lock=True)
    if found is None:
        raise Broken(f"The invitation {seen.invitation.id} names no project.")
    row = _again(tx, seen)
    _refuse_unless_open(tx, found, row, user)
    _answer(tx, row, "accepted")
    tx.record(InvitationAccepted(user.identity, found.normalized, **facts_of(row, user)))
    transfer = row.invitation.kind == "transfer"
    if transfer or row.invitation.role == "owner":
        inviter = _inviter(tx, row)
        becomes = "takes over" if transfer else "becomes an owner of"
        waits = put_off(
            tx, "transfer" if transfer else "owner-added", project=found, about=user.id,
            by=inviter.actor if inviter is not None else COMMAND_LINE,
            arguments={"deed": "accept-invitation", "invitation": str(row.invitation.id)},
            sentence=f"{user.name} {becomes} {found.display}",
        )  # fmt: skip
        if waits is not None:
            return waits
    _give(tx, found, row, user)
    return None


def take_what_was_accepted(invitation: str, tx: Tx) -> None:
    """Give what an accepted invitation has promised, when it has waited: only if it could be accepted still."""
    row = invitations.find_invitation(tx.sql, invitation)
    found = queries.find_project(tx.sql, row.normalized or "", lock=True) if row is not None else None
    if row is None or found is None:
        raise Broken(f"The invitation {invitation} names no project.")
    user = find_user_by_id(tx.sql, row.invitation.account_id)
    if user.frozen:
        raise Refused("frozen", f"The account {user.name!r} is frozen.")
    accepted = replace(row.invitation, answered_at=None, expires_at=tx.now() + WEEK)
    _refuse_unless_open(tx, found, replace(row, invitation=accepted), user)
    _give(tx, found, row, user)


def _refuse_unless_open(tx: Tx, found: Project, row: NamedInvitation, user: User) -> None:
    """Raise `Refused` unless the invitation holds: its maker could still make it, and it would change something."""
    transfer = row.invitation.kind == "transfer"
    inviter_may = may_still_offer(tx, found, row.invitation.invited_by) if transfer else _may_invite(tx, found, row)
    refuse_if(
        may_accept(
            row.invitation, tx.now(), inviter_may=inviter_may,
            held="" if transfer else people.direct_role(tx.sql, found.id, user.id), ranks=ROLES,
            gone=found.deleted_at is not None or found.status == "quarantined",
        )
    )  # fmt: skip


def _give(tx: Tx, found: Project, row: NamedInvitation, user: User) -> None:
    held = people.direct_role(tx.sql, found.id, user.id)
    if row.invitation.kind == "transfer":
        take_over(tx, found, user, held)
        return
    role = row.invitation.role
    put_rows(tx.sql, project_role, [{"project_id": found.id, "account_id": user.id, "role": role}])
    tx.record(
        RoleChanged(user.identity, found.normalized, user_id=str(user.id), name=user.name, role=role, before=held)
    )


def _join_organization(tx: Tx, seen: NamedInvitation, user: User) -> PendingChange | None:
    organization_id = seen.invitation.organization_id
    if organization_id is None:
        raise Broken(f"The invitation {seen.invitation.id} names no organization.")
    found, held = lock_holder(tx, organization_id, user.id)
    row = _again(tx, seen)
    inviter = _inviter(tx, row)
    role = people.member_role(tx.sql, found.id, inviter.id) if inviter is not None else None
    operator = row.invitation.invited_by is None or (inviter is not None and inviter.site_role == "operator")
    allowed = may_invite_member(found, role, row.invitation.role, Invitee(0, ""), operator=operator) is None
    refuse_if(
        may_accept(
            row.invitation, tx.now(), inviter_may=allowed and not (inviter is not None and inviter.frozen),
            held=held or "", ranks=RANKS, gone=False,
        )
    )  # fmt: skip
    _answer(tx, row, "accepted")
    tx.record(InvitationAccepted(user.identity, None, **facts_of(row, user)))
    waits = None
    if row.invitation.role in MANAGING:
        # Owners and managers own every project that the organization holds. Until then he is a plain member.
        waits = put_off(
            tx, "member-changed", organization=found, about=user.id,
            by=inviter.actor if inviter is not None else COMMAND_LINE,
            arguments={
                "deed": "change-member", "organization": found.name, "user": user.name, "role": row.invitation.role
            },
            sentence=f"{user.name} becomes {row.invitation.role} of {found.name}",
        )  # fmt: skip
    becomes = row.invitation.role if waits is None else held or "member"
    if becomes == held:
        return waits
    put_rows(tx.sql, organization_member, [{"organization_id": found.id, "account_id": user.id, "role": becomes}])
    tx.record(
        MemberChanged(
            user.identity, None, organization=found.name, user_id=str(user.id), name=user.name, role=becomes,
            before=held or "",
        )
    )  # fmt: skip
    return waits


def _may_invite(tx: Tx, found: Project, row: NamedInvitation) -> bool:
    """Whether whoever invited could do it again now: an owner, or an operator, who is not frozen."""
    inviter = _inviter(tx, row)
    if inviter is None:
        return True
    if inviter.frozen:
        return False
    return inviter.site_role == "operator" or rights.role_of(tx.sql, found.id, inviter.id) == "owner"


def _inviter(tx: Tx, row: NamedInvitation) -> User | None:
    """Who invited; None for an operator on the command line."""
    inviter_id = row.invitation.invited_by
    return find_user_by_id(tx.sql, inviter_id) if inviter_id is not None else None


def _again(tx: Tx, seen: NamedInvitation) -> NamedInvitation:
    """The invitation as it is now that what it is about is locked."""
    return invitations.find_invitation(tx.sql, str(seen.invitation.id)) or seen


def _answer(tx: Tx, row: NamedInvitation, answer: str) -> None:
    if not invitations.answer_once(tx.sql, row.invitation.id, answer, tx.now()):
        raise Refused("invitation-answered", "This invitation was answered already.", status=409)
