"""Reading standing audits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.tables import advisory_alias, advisory_package, exploited
from customhouse.formats.osv.model import PYPI
from customhouse.index.standing.model import Pinned, Standing, Told
from customhouse.index.standing.tables import standing_audit, standing_component, standing_finding
from customhouse.terms.errors import Refused

AT_ONCE = 500
_ALL = sa.select(standing_audit)


def standings_of(sql: Connection, account_id: int) -> list[Standing]:
    """The lists of one person, by title."""
    rows = sql.execute(_ALL.where(standing_audit.c.account_id == account_id).order_by(standing_audit.c.title))
    return [_standing(row) for row in rows]


def find_standing(sql: Connection, standing_id: str, *, lock: bool = False) -> Standing | None:
    """One list, or None."""
    query = _ALL.where(standing_audit.c.id == standing_id)
    row = sql.execute(query.with_for_update() if lock else query).one_or_none()
    return _standing(row) if row is not None else None


def own_standing(sql: Connection, standing_id: str, account_id: int | None, *, lock: bool = False) -> Standing:
    """One list of this person; raises `Refused` (404) for what is not there and for what is somebody else's."""
    found = find_standing(sql, standing_id, lock=lock)
    if found is None or found.account_id != account_id:
        raise Refused("unknown-standing", "You have registered no such list.", status=404)
    return found


def components_of(sql: Connection, standing_id: str) -> list[Pinned]:
    """What is in a list, by name."""
    rows = sql.execute(
        sa.select(standing_component.c.name, standing_component.c.version)
        .where(standing_component.c.standing_id == standing_id)
        .order_by(standing_component.c.name, standing_component.c.version)
    )
    return [Pinned(row.name, row.version) for row in rows]


def told_of(sql: Connection, standing_id: str) -> list[Told]:
    """What its owner has been told and is still so."""
    rows = sql.execute(
        sa.select(standing_finding)
        .where(standing_finding.c.standing_id == standing_id)
        .order_by(standing_finding.c.name, standing_finding.c.version, standing_finding.c.vulnerability)
    )
    return [
        Told(
            row.name, row.version, row.vulnerability, tuple(row.names), row.told["level"], row.told["fix"],
            row.told["summary"], row.told["exploited"],
        )
        for row in rows
    ]  # fmt: skip


def holding(sql: Connection, names: Collection[str]) -> set[str]:
    """The ids of the lists that hold any of these packages."""
    found: set[str] = set()
    wanted = sorted(names)
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        rows = sql.execute(
            sa.select(standing_component.c.standing_id).where(standing_component.c.name.in_(some)).distinct()
        )
        found.update(rows.scalars())
    return found


def names_with(sql: Connection, cves: Sequence[str]) -> set[str]:
    """The packages of PyPI whose advisories go by one of these names."""
    named = sa.select(advisory_alias.c.advisory_id).where(advisory_alias.c.alias.in_(cves[:AT_ONCE]))
    rows = sql.execute(
        sa.select(advisory_package.c.name).where(
            advisory_package.c.ecosystem == PYPI, advisory_package.c.advisory_id.in_(named)
        )
    )
    return set(rows.scalars())


def exploited_among(sql: Connection, names: Collection[str]) -> frozenset[str]:
    """Which of these CVEs are in the catalogue of known exploited ones."""
    wanted = sorted(name for name in names if name.startswith("CVE-"))
    found: set[str] = set()
    for start in range(0, len(wanted), AT_ONCE):
        rows = sql.execute(sa.select(exploited.c.cve).where(exploited.c.cve.in_(wanted[start : start + AT_ONCE])))
        found.update(rows.scalars())
    return frozenset(found)


def _standing(row: Any) -> Standing:
    return Standing(
        row.id, row.account_id, row.title, row.components, row.target, row.created_at, row.registered_at,
        row.checked_at, row.checked_serial,
    )  # fmt: skip
