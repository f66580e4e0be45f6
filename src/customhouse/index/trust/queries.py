"""Reading what was counted."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import project
from customhouse.index.trust.model import Snapshot
from customhouse.index.trust.tables import trust_single, trust_snapshot

_COLUMNS = (
    trust_snapshot.c.day, trust_snapshot.c.taken_at, trust_snapshot.c.accounts, trust_snapshot.c.webauthn_only,
    trust_snapshot.c.totp_only, trust_snapshot.c.both_methods, trust_snapshot.c.critical_projects,
    trust_snapshot.c.critical_people, trust_snapshot.c.critical_protected, trust_snapshot.c.projects_by_people,
    trust_snapshot.c.keys_given, trust_snapshot.c.recoveries, trust_snapshot.c.recovery_median_seconds,
    trust_snapshot.c.recovery_ninety_seconds,
)  # fmt: skip
_SINCE: sa.Select[Any] = (
    sa.select(*_COLUMNS)
    .where(trust_snapshot.c.day >= sa.bindparam("since", type_=sa.Date))
    .order_by(trust_snapshot.c.day)
)
_FIRST = sa.select(sa.func.min(trust_snapshot.c.day))
_LAST: sa.Select[Any] = sa.select(*_COLUMNS).order_by(trust_snapshot.c.day.desc()).limit(1)
_SINGLES = (
    sa.select(project.c.normalized)
    .join(trust_single, trust_single.c.project_id == project.c.id)
    .where(project.c.visibility == "public", project.c.deleted_at.is_(None))
    .order_by(project.c.normalized)
)


def snapshots(sql: Connection, since: date) -> list[Snapshot]:
    """What was counted since a day, the oldest first."""
    return [Snapshot(*row) for row in sql.execute(_SINCE, {"since": since})]


def last_snapshot(sql: Connection) -> Snapshot | None:
    """The newest one."""
    row = sql.execute(_LAST).one_or_none()
    return Snapshot(*row) if row is not None else None


def first_counted(sql: Connection) -> date | None:
    """The first day that was counted."""
    return sql.execute(_FIRST).scalar()


def single_maintainer_projects(sql: Connection) -> list[str]:
    """Public critical projects that one person alone looked after when it was last counted, by name."""
    return list(sql.execute(_SINGLES).scalars())
