"""Invitations: to a role in a project, to an organization, or to take a whole project over. Reads and rules.

An invitation gives nothing by itself. It is answered once, only by the account that it names, before it expires, and
only while whoever made it could still make it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import invitation, organization, project
from customhouse.terms.errors import Refused
from customhouse.terms.numbers import number_of

InvitationKind = Literal["project", "organization", "transfer"]

_COLUMNS = (
    invitation.c.id, invitation.c.kind, invitation.c.project_id, invitation.c.organization_id,
    invitation.c.account_id, invitation.c.role, invitation.c.invited_by, invitation.c.created_at,
    invitation.c.expires_at, invitation.c.answered_at, invitation.c.answer,
)  # fmt: skip
_NAMED = (
    sa.select(*_COLUMNS, project.c.display, project.c.normalized, organization.c.name)
    .outerjoin(project, project.c.id == invitation.c.project_id)
    .outerjoin(organization, organization.c.id == invitation.c.organization_id)
)
_ANSWER = (
    invitation.update()
    .where(invitation.c.id == sa.bindparam("which"), invitation.c.answered_at.is_(None))
    .values(answered_at=sa.bindparam("at"), answer=sa.bindparam("with_what"))
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """One invitation."""

    id: int
    kind: InvitationKind
    project_id: int | None
    organization_id: int | None
    account_id: int
    role: str
    invited_by: int | None
    """None: an operator on the command line."""
    created_at: datetime
    expires_at: datetime
    answered_at: datetime | None
    answer: str


@dataclass(frozen=True, slots=True)
class NamedInvitation:
    """An invitation with the names of what it is about."""

    invitation: Invitation
    project: str
    """Display name, or empty."""
    normalized: str | None
    """The project's normalised name, if it is about one."""
    organization: str
    """The organization's name, or empty."""

    @property
    def what(self) -> str:
        """What one is invited to, in words."""
        if self.invitation.kind == "transfer":
            return f"take over the project {self.project}"
        if self.invitation.kind == "organization":
            return f"be {self.invitation.role} in the organization {self.organization}"
        return f"be {self.invitation.role} of the project {self.project}"


def may_accept(
    found: Invitation, now: datetime, *, inviter_may: bool, held: str, ranks: Sequence[str], gone: bool
) -> Refused | None:
    """The invited may accept once, before the invitation expires.

    It is dead if what it is about is deleted or quarantined (``gone``), if whoever made it may not invite any more, or
    if the invited has become that, or more, in the meantime.
    """
    if (refusal := may_decline(found)) is not None:
        return refusal
    if now >= found.expires_at:
        return Refused(
            "invitation-expired",
            f"This invitation expired on {found.expires_at:%Y-%m-%d}.",
            "Ask for a new one.",
            status=409,
        )
    if gone:
        return _dead("what it was for is no longer open to anybody")
    if not inviter_may:
        return _dead("whoever made it may not invite any more")
    if held and ranks.index(held) <= ranks.index(found.role):
        return _dead("you have what it offers")
    return None


def may_decline(found: Invitation) -> Refused | None:
    """The invited may decline an invitation that nobody has answered, however old it is."""
    if found.answered_at is not None:
        return Refused("invitation-answered", f"This invitation was {found.answer} already.", status=409)
    return None


def may_withdraw(found: Invitation, *, may_invite: bool) -> Refused | None:
    """Whoever may invite may take back an invitation that nobody has answered, his own or a colleague's."""
    if not may_invite:
        return Refused("not-yours-to-withdraw", "Only somebody who could invite can take an invitation back.")
    return may_decline(found)


def find_invitation(sql: Connection, text: str) -> NamedInvitation | None:
    """The invitation with that number; None if there is none, or if it is no number."""
    number = number_of(text)
    if number is None:
        return None
    row = sql.execute(_NAMED.where(invitation.c.id == number)).one_or_none()
    return _named(row) if row else None


def answer_once(sql: Connection, invitation_id: int, answer: str, now: datetime) -> bool:
    """Write the answer unless there is one; False if somebody was quicker. On PostgreSQL it waits for the quicker."""
    return sql.execute(_ANSWER, {"which": invitation_id, "at": now, "with_what": answer}).rowcount == 1


def add_invitation(
    sql: Connection,
    kind: InvitationKind,
    invitee_id: int,
    role: str,
    *,
    by: int | None,
    at: datetime,
    expires_at: datetime,
    project_id: int | None = None,
    organization_id: int | None = None,
) -> int:
    """Write an invitation; returns its id."""
    made: int = sql.execute(
        invitation.insert().returning(invitation.c.id),
        {
            "kind": kind, "project_id": project_id, "organization_id": organization_id, "account_id": invitee_id,
            "role": role, "invited_by": by, "created_at": at, "expires_at": expires_at,
        },
    ).scalar_one()  # fmt: skip
    return made


def open_for_account(sql: Connection, account_id: int, now: datetime) -> list[NamedInvitation]:
    """What an account can still answer, the newest first. Whether each would hold is looked at when it is accepted."""
    return _open(sql, invitation.c.account_id == account_id, invitation.c.expires_at > now)


def open_for_project(sql: Connection, project_id: int, now: datetime) -> list[NamedInvitation]:
    """The invitations of a project that can still be answered, the newest first."""
    return _open(sql, invitation.c.project_id == project_id, invitation.c.expires_at > now)


def open_for_organization(sql: Connection, organization_id: int, now: datetime) -> list[NamedInvitation]:
    """The invitations to belong to an organization that can still be answered, the newest first."""
    return _open(sql, invitation.c.organization_id == organization_id, invitation.c.expires_at > now)


def unanswered_of_project(sql: Connection, project_id: int, account_id: int | None = None) -> list[NamedInvitation]:
    """Every unanswered invitation of a project, the expired too; of one account only, if it is named."""
    mine = (invitation.c.account_id == account_id,) if account_id is not None else ()
    return _open(sql, invitation.c.project_id == project_id, *mine)


def unanswered_of_organization(sql: Connection, organization_id: int, account_id: int) -> list[NamedInvitation]:
    """Every unanswered invitation of an account to an organization and to the projects that it holds."""
    held = sa.select(project.c.id).where(project.c.organization_id == organization_id)
    return _open(
        sql,
        invitation.c.account_id == account_id,
        sa.or_(invitation.c.organization_id == organization_id, invitation.c.project_id.in_(held)),
    )


def is_waiting(sql: Connection, kind: InvitationKind, subject_id: int, account_id: int, now: datetime) -> bool:
    """Whether the account has an invitation of that kind to that project or organization that it can still answer."""
    subject = invitation.c.organization_id if kind == "organization" else invitation.c.project_id
    return (
        sql.execute(
            sa.select(invitation.c.id).where(
                invitation.c.kind == kind,
                subject == subject_id,
                invitation.c.account_id == account_id,
                invitation.c.answered_at.is_(None),
                invitation.c.expires_at > now,
            )
        ).first()
        is not None
    )


def unknown_invitation() -> Refused:
    """What is said of an invitation that does not exist, or that is not for the one who asks."""
    return Refused("unknown-invitation", "You have no such invitation.", status=404)


def _open(sql: Connection, *where: sa.ColumnElement[bool]) -> list[NamedInvitation]:
    rows = sql.execute(_NAMED.where(invitation.c.answered_at.is_(None), *where).order_by(invitation.c.id.desc()))
    return [_named(row) for row in rows]


def _named(row: Any) -> NamedInvitation:
    return NamedInvitation(Invitation(*row[: len(_COLUMNS)]), row.display or "", row.normalized, row.name or "")


def _dead(why: str) -> Refused:
    return Refused("invitation-dead", f"This invitation does not hold any more: {why}.", status=409)
