"""Reads of changes that wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import protection, rights
from customhouse.catalog.protection import Protected
from customhouse.catalog.tables import project
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.tables import pending_change
from customhouse.terms.errors import Refused

_COLUMNS = (
    pending_change.c.id, pending_change.c.kind, pending_change.c.project_id, pending_change.c.organization_id,
    pending_change.c.account_id, pending_change.c.requested_by, pending_change.c.requested_at,
    pending_change.c.effective_at, pending_change.c.arguments, pending_change.c.sentence, pending_change.c.state,
    pending_change.c.contested_at, pending_change.c.contested_by, pending_change.c.ended_at, pending_change.c.ended_by,
    pending_change.c.ended_why,
)  # fmt: skip
_ONE = sa.select(*_COLUMNS).where(pending_change.c.id == sa.bindparam("change"))
_LOCK_ONE = _ONE.with_for_update()
_OPEN = sa.select(*_COLUMNS).where(pending_change.c.ended_at.is_(None))
_ALL = sa.select(*_COLUMNS).order_by(pending_change.c.id.desc())


def find_change(sql: Connection, change_id: int, *, lock: bool = False) -> PendingChange:
    """One change; raises `Refused` (404)."""
    row = sql.execute(_LOCK_ONE if lock else _ONE, {"change": change_id}).one_or_none()
    if row is None:
        raise Refused("unknown-change", "There is no such change.", status=404)
    return _change(row)


def open_changes_of_project(sql: Connection, project_id: int) -> list[PendingChange]:
    """What waits for one project, the first to take effect first."""
    rows = sql.execute(_OPEN.where(pending_change.c.project_id == project_id).order_by(pending_change.c.effective_at))
    return [_change(row) for row in rows]


def open_changes_of_organization(sql: Connection, organization_id: int) -> list[PendingChange]:
    """What waits for one organization."""
    rows = sql.execute(
        _OPEN.where(pending_change.c.organization_id == organization_id).order_by(pending_change.c.effective_at)
    )
    return [_change(row) for row in rows]


def open_changes_about(sql: Connection, account_ids: Iterable[int]) -> list[PendingChange]:
    """What waits for accounts themselves: neither for a project nor for an organization."""
    rows = sql.execute(
        _OPEN.where(
            pending_change.c.account_id.in_(sorted(set(account_ids))),
            pending_change.c.project_id.is_(None),
            pending_change.c.organization_id.is_(None),
        ).order_by(pending_change.c.effective_at)
    )
    return [_change(row) for row in rows]


def changes_of_project(sql: Connection, project_id: int, *, limit: int = 50) -> list[PendingChange]:
    """Everything that waits or has waited for one project, newest first."""
    return [_change(row) for row in sql.execute(_ALL.where(pending_change.c.project_id == project_id).limit(limit))]


def all_open_changes(sql: Connection) -> list[PendingChange]:
    """Everything that waits on this index: what is contested first, then by the date."""
    contested_first = sa.case((pending_change.c.state == "contested", 0), else_=1)
    return [_change(row) for row in sql.execute(_OPEN.order_by(contested_first, pending_change.c.effective_at))]


def open_changes_for(sql: Connection, account_id: int) -> list[PendingChange]:
    """What waits and concerns somebody: about him, asked for by him, or in a project that he owns."""
    owned = [name for name, role in rights.projects_of(sql, account_id).items() if role == "owner"]
    in_owned = sa.select(project.c.id).where(project.c.normalized.in_(owned))
    rows = sql.execute(
        _OPEN.where(
            sa.or_(
                pending_change.c.account_id == account_id,
                pending_change.c.requested_by == account_id,
                pending_change.c.project_id.in_(in_owned),
            )
        ).order_by(pending_change.c.effective_at)
    )
    return [_change(row) for row in rows]


def touched_projects(sql: Connection, change: PendingChange) -> list[Protected]:
    """The protected projects that a change touches, as things are now."""
    return protected_by(sql, change.project_id, change.organization_id, change.about)


def protected_by(
    sql: Connection, project_id: int | None, organization_id: int | None, about: int | None
) -> list[Protected]:
    """The protected projects behind a project, an organization or an account, whichever is given first."""
    if project_id is not None:
        one = protection.protection_of(sql, project_id)
        return [one] if one is not None else []
    if organization_id is not None:
        return protection.protected_projects_held_by(sql, organization_id)
    return protection.protected_projects_of(sql, about) if about is not None else []


def name_of(sql: Connection, project_id: int) -> str:
    """The normalised name of a project."""
    name: str = sql.execute(sa.select(project.c.normalized).where(project.c.id == project_id)).scalar_one()
    return name


def co_owners(sql: Connection, change: PendingChange) -> list[int]:
    """Ids of all accounts that own what a change touches."""
    ids = [one.id for one in touched_projects(sql, change)]
    if change.project_id is not None and change.project_id not in ids:
        ids.append(change.project_id)
    return sorted({who for one in ids for who, role in rights.people_of(sql, one) if role == "owner"})


def _change(row: Any) -> PendingChange:
    return PendingChange(*row)
