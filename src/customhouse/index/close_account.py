"""Closing one's account for ever: refused while it would leave anything without an owner (A36).

Its name stays reserved and the ledger stays as it was: events outlive accounts. Nothing lets anybody in any more, and
everything that it had a role in goes on without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.lock_out import lock_out
from customhouse.accounts.tables import account
from customhouse.accounts.users import User, find_user_by_id
from customhouse.catalog import invitations, queries
from customhouse.catalog.people_events import RoleRemoved
from customhouse.catalog.tables import organization, organization_member, project, project_role
from customhouse.index import people
from customhouse.index.invite import take_back
from customhouse.index.organizations import RemoveMember, remove_member
from customhouse.index.slow.events import AccountClosed
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor

FORGET_JOB = "forget-address"
ADDRESS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CloseAccount:
    """Somebody's wish to close his own account. ``typed`` is its name, typed again."""

    typed: str
    by: Actor


@dataclass(frozen=True, slots=True)
class Alone:
    """What would be left without an owner: projects as they are spelled, and organizations."""

    projects: Sequence[str]
    organizations: Sequence[str]


def may_close(user: User, alone: Alone) -> Refused | None:
    """Anybody may close his own account, except the last owner of a project or an organization, deleted or not.

    Nor while he runs this index: the office is given back first.
    """
    if user.site_role:
        return Refused(
            "has-office", f"You are {user.site_role} of this index.", "Let another operator take that back first.",
            status=409,
        )  # fmt: skip
    if alone.projects or alone.organizations:
        names = ", ".join([*alone.projects, *alone.organizations][:5])
        return Refused(
            "sole-owner",
            f"You are the only owner of {names}.",
            "Make somebody else an owner, or transfer it, then close the account.",
            status=409,
        )
    return None


def alone_in(sql: Connection, user: User) -> Alone:
    """What this account alone owns."""
    projects = sql.execute(
        sa.select(project.c.normalized)
        .join(project_role, project_role.c.project_id == project.c.id)
        .where(project_role.c.account_id == user.id, project_role.c.role == "owner")
        .order_by(project.c.normalized)
    ).scalars()
    found = [queries.find_project(sql, name) for name in projects]
    heads = sql.execute(
        sa.select(organization.c.id, organization.c.name)
        .join(organization_member, organization_member.c.organization_id == organization.c.id)
        .where(organization_member.c.account_id == user.id, organization_member.c.role == "owner")
        .order_by(organization.c.name)
    )
    return Alone(
        [one.display for one in found if one is not None and not people.keeps_an_owner(sql, one, without=user.id)],
        [row.name for row in heads if not people.keeps_a_head(sql, row.id, without=user.id)],
    )


def close_account(command: CloseAccount, tx: Tx) -> User | PendingChange:
    """Close it; returns whose it was, or what waits if it owns protected projects."""
    user = find_user_by_id(tx.sql, command.by.account_id or 0)
    if command.typed.strip() != user.name:
        raise Rejected("not-typed", "typed", f"{command.typed[:60]!r} was typed", f"exactly {user.name!r}")
    names = _lock_projects(tx, user)
    refuse_if(may_close(user, alone_in(tx.sql, user)))
    arguments: dict[str, str] = {}
    sentence = f"the account {user.name} is closed for ever"
    if waits := put_off(
        tx, "account-closed", about=user.id, by=command.by, arguments=arguments, sentence=sentence
    ):  # fmt: skip
        return waits
    _leave_everything(tx, user, names)
    _lock_out(tx, user)
    tx.later(FORGET_JOB, {"account_id": user.id}, due_at=tx.now() + ADDRESS_KEPT, key=f"{FORGET_JOB}:{user.id}")
    tx.record(AccountClosed(user.identity, None, user_id=str(user.id), name=user.name))
    return user


def _lock_projects(tx: Tx, user: User) -> list[str]:
    """Lock the projects that have given the account a role, always in the same order; returns their names."""
    rows = tx.sql.execute(
        sa.select(project.c.normalized)
        .join(project_role, project_role.c.project_id == project.c.id)
        .where(project_role.c.account_id == user.id)
        .order_by(project.c.normalized)
    ).scalars()
    names = list(rows)
    for name in names:
        queries.find_project(tx.sql, name, lock=True)
    return names


def _leave_everything(tx: Tx, user: User, names: Sequence[str]) -> None:
    joined = tx.sql.execute(
        sa.select(organization.c.name)
        .join(organization_member, organization_member.c.organization_id == organization.c.id)
        .where(organization_member.c.account_id == user.id)
        .order_by(organization.c.id)
    ).scalars()
    # What the organizations' projects have given goes with the membership.
    waited, tx.waited = tx.waited, True
    for name in list(joined):
        remove_member(RemoveMember(name, by=user.actor), tx)
    tx.waited = waited
    for name in names:
        found = queries.find_project(tx.sql, name)
        role = people.direct_role(tx.sql, found.id, user.id) if found is not None else ""
        if found is None or not role:
            continue
        mine = (project_role.c.project_id == found.id, project_role.c.account_id == user.id)
        tx.sql.execute(project_role.delete().where(*mine))
        tx.record(RoleRemoved(user.identity, name, user_id=str(user.id), name=user.name, role=role, left=True))
        take_back(tx, invitations.unanswered_of_project(tx.sql, found.id, user.id), user.identity)
    take_back(tx, invitations.open_for_account(tx.sql, user.id, tx.now()), user.identity)


def _lock_out(tx: Tx, user: User) -> None:
    """No session, password, factor, token or linked identity lets anybody in any more.

    The address stays as long as letters may be on their way there: whoever was robbed must hear of it.
    """
    lock_out(tx, user.id)
    tx.sql.execute(
        account.update()
        .where(account.c.id == user.id)
        .values(frozen_at=tx.now(), closed_at=tx.now(), password_hash=None, email_verified_at=None)
    )


def forget_address(account_id: int, tx: Tx) -> None:
    """Forget the address of a closed account. Doing it again finds none."""
    closed = (account.c.id == account_id, account.c.closed_at.is_not(None))
    tx.sql.execute(account.update().where(*closed).values(email=""))
