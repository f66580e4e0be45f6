"""What we tell other indexes of our projects, so that whoever mirrors us can have policies on it; values and reads.

It stands under ``_customhouse.facts`` of a project's page. Numbers are rounded and counted once a day, so that pages
stay as they are most of the time; what happens to owners is told at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.public_signal_tables import public_signal
from customhouse.formats.simple import timestamp

DIGITS = 2
"""So many leading digits of a number are told: a page changes when it grows by a few in a hundred."""
_ONE = sa.select(public_signal).where(public_signal.c.project_id == sa.bindparam("project"))
_SEVERAL = sa.select(public_signal).where(public_signal.c.project_id.in_(sa.bindparam("projects", expanding=True)))


@dataclass(frozen=True, slots=True)
class PublicSignals:
    """What everybody may know of one project."""

    day: date
    """When it was counted."""
    downloads: int
    """Counted, in 30 days, rounded down."""
    dependents: int
    """Public projects whose newest release needs it."""
    owners: int
    owners_changed_at: datetime
    critical_since: datetime | None = None
    publishers_only: bool = False
    """Whether trusted publishers alone publish into it."""
    owners_have_factors: bool = False
    """Whether a second factor is required of every owner. Nothing is told of who lacks one."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, named as the signals of policies are."""
        told: dict[str, Any] = {
            "date": self.day.isoformat(),
            "downloads": self.downloads,
            "dependents": self.dependents,
            "owners": self.owners,
            "owner-changed": timestamp(self.owners_changed_at),
            "critical": self.critical_since is not None,
        }
        if self.critical_since is not None:
            told["critical-since"] = timestamp(self.critical_since)
        if self.publishers_only:
            told["publishers-only"] = True
        if self.owners_have_factors:
            told["owner-2fa"] = "all"
        return told


def public_signals(sql: Connection, project_id: int) -> PublicSignals | None:
    """What is told of a project; None before it was counted for the first time."""
    row = sql.execute(_ONE, {"project": project_id}).one_or_none()
    return _signals(row) if row is not None else None


def public_signals_of(sql: Connection, project_ids: Collection[int]) -> dict[int, PublicSignals]:
    """The same for several, by their ids."""
    return {row.project_id: _signals(row) for row in sql.execute(_SEVERAL, {"projects": sorted(project_ids)})}


def rounded(number: int) -> int:
    """Rounded down to the digits that are told: 1,234 is 1,200."""
    unit: int = 10 ** max(0, len(str(number)) - DIGITS)
    return number // unit * unit


def _signals(row: Any) -> PublicSignals:
    return PublicSignals(
        row.day, row.downloads, row.dependents, row.owners, row.owners_changed_at, row.critical_since,
        row.publishers_only, row.owners_have_factors,
    )  # fmt: skip
