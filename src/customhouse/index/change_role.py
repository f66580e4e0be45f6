"""Changing, taking away and giving up the roles that a project itself has given."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import User, find_user_by_id
from customhouse.catalog import invitations
from customhouse.catalog.model import Project
from customhouse.catalog.people_events import RoleChanged, RoleRemoved
from customhouse.catalog.roles import may_change_role, may_leave, may_remove_role
from customhouse.catalog.tables import project_role
from customhouse.index import people
from customhouse.index.invite import take_back
from customhouse.index.slow.forget import forget_gifts
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import lock_subject, refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity


@dataclass(frozen=True, slots=True)
class ChangeRole:
    """A wish that somebody's own role in a project be another one."""

    project: str
    user: str
    role: str
    by: Actor = COMMAND_LINE
    reason: str = ""
    """An operator's, who need not wait with one."""


@dataclass(frozen=True, slots=True)
class RemoveRole:
    """A wish that somebody has no role of his own in a project any more."""

    project: str
    user: str
    by: Actor = COMMAND_LINE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LeaveProject:
    """Somebody's wish to have no role of his own in a project any more."""

    project: str
    by: Actor


def change_role(command: ChangeRole, tx: Tx) -> User | PendingChange:
    """Change a role. The project's row is locked, so of two owners who demote each other at once one stays.

    On a protected project it waits; then what waits is returned.
    """
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, role = subject.project, subject.standing.role
    # Who may not touch roles learns nothing about accounts either.
    refuse_if(may_remove_role(found, role, "owner", survives=True, operator=command.by.operator))
    user = people.find_person(tx.sql, command.user)
    held = people.direct_role(tx.sql, found.id, user.id)
    survives = people.keeps_an_owner(tx.sql, found, without=user.id)
    refuse_if(may_change_role(found, role, held, command.role, survives=survives, operator=command.by.operator))
    rises = command.role == "owner"
    sentence = f"{user.name} becomes {'an owner' if rises else 'a maintainer only'} of {found.display}"
    wish = {"deed": "change-role", "user": user.name, "role": command.role}
    if waits := _wait(tx, found, user, command.by, command.reason, sentence, wish, rises=rises):
        return waits
    tx.sql.execute(
        project_role.update()
        .where(project_role.c.project_id == found.id, project_role.c.account_id == user.id)
        .values(role=command.role)
    )
    by = people.acting(command.by, by_right=role == "owner")
    tx.record(RoleChanged(by, found.normalized, user_id=str(user.id), name=user.name, role=command.role, before=held))
    return user


def remove_role(command: RemoveRole, tx: Tx) -> User | PendingChange:
    """Take a role away, and with it every open invitation of that account to this project.

    An owner's role in a protected project waits; then what waits is returned.
    """
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, role = subject.project, subject.standing.role
    # Who may not touch roles learns nothing about accounts either.
    refuse_if(may_remove_role(found, role, "owner", survives=True, operator=command.by.operator))
    user = people.find_person(tx.sql, command.user)
    held = people.direct_role(tx.sql, found.id, user.id)
    survives = people.keeps_an_owner(tx.sql, found, without=user.id)
    refuse_if(may_remove_role(found, role, held, survives=survives, operator=command.by.operator))
    if held == "owner":
        sentence = f"{user.name} is removed as an owner of {found.display}"
        wish = {"deed": "remove-role", "user": user.name}
        if waits := _wait(tx, found, user, command.by, command.reason, sentence, wish):
            return waits
    _remove(tx, found, user, held, people.acting(command.by, by_right=role == "owner"), left=False)
    return user


def leave_project(command: LeaveProject, tx: Tx) -> str | PendingChange:
    """Give up one's own role; returns what it was. An owner's role in a protected project waits, and can be kept."""
    subject = lock_subject(tx, command.project, "", "", command.by)
    found = subject.project
    user = find_user_by_id(tx.sql, command.by.account_id or 0)
    held = people.direct_role(tx.sql, found.id, user.id)
    refuse_if(may_leave(found, held, survives=people.keeps_an_owner(tx.sql, found, without=user.id)))
    if held == "owner":
        sentence = f"{user.name} leaves {found.display}, which he owns"
        if waits := _wait(tx, found, user, command.by, "", sentence, {"deed": "leave-project"}):
            return waits
    _remove(tx, found, user, held, command.by.identity, left=True)
    return held


def _wait(
    tx: Tx, found: Project, user: User, by: Actor, reason: str, sentence: str, wish: dict[str, str], *,
    rises: bool = False,
) -> PendingChange | None:  # fmt: skip
    arguments = {**wish, "project": found.normalized, "reason": reason}
    kind = "owner-added" if rises else "owner-removed"
    return put_off(tx, kind, project=found, about=user.id, by=by, arguments=arguments, sentence=sentence)


def _remove(tx: Tx, found: Project, user: User, held: str, by: Identity, *, left: bool) -> None:
    tx.sql.execute(
        project_role.delete().where(project_role.c.project_id == found.id, project_role.c.account_id == user.id)
    )
    tx.record(RoleRemoved(by, found.normalized, user_id=str(user.id), name=user.name, role=held, left=left))
    # A35: an old invitation must not bring back who was removed.
    take_back(tx, invitations.unanswered_of_project(tx.sql, found.id, user.id), by)
    forget_gifts(tx, found.id, user.id)
