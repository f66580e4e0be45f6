"""Which projects change slowly: those that are marked as critical, and those whose owners have asked for it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import rights
from customhouse.catalog.model import Project
from customhouse.catalog.tables import critical_mark, project

_PROTECTED = sa.or_(project.c.slow_motion, critical_mark.c.normalized.is_not(None))
_JOINED = project.outerjoin(critical_mark, critical_mark.c.normalized == project.c.normalized)
_COLUMNS = (
    project.c.id,
    project.c.normalized,
    project.c.display,
    critical_mark.c.normalized.is_not(None).label("critical"),
    project.c.slow_motion,
)
_ONE = sa.select(*_COLUMNS).select_from(_JOINED).where(project.c.id == sa.bindparam("project"))
_SEVERAL = (
    sa.select(*_COLUMNS)
    .select_from(_JOINED)
    .where(project.c.normalized.in_(sa.bindparam("names", expanding=True)), _PROTECTED, project.c.deleted_at.is_(None))
    .order_by(project.c.normalized)
)
_HELD = (
    sa.select(*_COLUMNS)
    .select_from(_JOINED)
    .where(project.c.organization_id == sa.bindparam("organization"), _PROTECTED, project.c.deleted_at.is_(None))
    .order_by(project.c.normalized)
)


@dataclass(frozen=True, slots=True)
class Protected:
    """A project whose dangerous changes wait, and why."""

    id: int
    normalized: str
    display: str
    critical: bool
    """Marked as critical by its name."""
    asked: bool
    """Its owners have asked for it."""


def protection_of(sql: Connection, project_id: int) -> Protected | None:
    """What protects a project, or None."""
    row = sql.execute(_ONE, {"project": project_id}).one()
    return Protected(*row) if row.critical or row.slow_motion else None


def is_protected(sql: Connection, found: Project) -> bool:
    """Whether dangerous changes of a project wait: it is marked as critical, or its owners have asked for it."""
    return protection_of(sql, found.id) is not None


def protected_projects_of(sql: Connection, account_id: int) -> list[Protected]:
    """The protected projects that an account owns, whatever makes it an owner."""
    owned = [name for name, role in rights.projects_of(sql, account_id).items() if role == "owner"]
    return [Protected(*row) for row in sql.execute(_SEVERAL, {"names": owned})] if owned else []


def protected_projects_held_by(sql: Connection, organization_id: int) -> list[Protected]:
    """The protected projects that an organization holds."""
    return [Protected(*row) for row in sql.execute(_HELD, {"organization": organization_id})]
