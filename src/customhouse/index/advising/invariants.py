"""What holds of the releases that are affected, on any installation at any time: see `index.check`."""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.tables import advisory_package
from customhouse.catalog.tables import project
from customhouse.formats.osv.model import PYPI
from customhouse.index.advising.follow import AFFECTED_JOB, CHANGED, OF_RELEASES
from customhouse.index.advising.reverse import AT_ONCE, affected_now
from customhouse.index.advising.tables import affected_release
from customhouse.infra.tables import job
from customhouse.ledger.tables import follower, ledger_event

FOLLOWER = "advising"
"""As `work` calls who keeps what is stored."""


def wrongly_affected(sql: Connection, sample: int | None) -> tuple[int, list[str]]:
    """Releases that are stored as affected and are not, or the other way round.

    Projects about which something is still to be heard or computed are passed over: theirs may be a moment old.
    """
    concerned = sa.or_(
        sa.exists().where(affected_release.c.project_id == project.c.id),
        sa.exists().where(advisory_package.c.ecosystem == PYPI, advisory_package.c.name == project.c.normalized),
    )
    query = sa.select(project.c.normalized).where(concerned).order_by(project.c.id.desc()).limit(sample)
    waiting = _waiting(sql)
    names = [name for name in sql.execute(query).scalars() if name not in waiting]
    findings = []
    for start in range(0, len(names), AT_ONCE):
        findings += _faults(sql, names[start : start + AT_ONCE])
    return len(names), findings


def _faults(sql: Connection, names: Sequence[str]) -> list[str]:
    rows = sql.execute(
        sa.select(project.c.normalized, affected_release.c.version, affected_release.c.advisory_id)
        .join_from(affected_release, project, project.c.id == affected_release.c.project_id)
        .where(project.c.normalized.in_(names))
    )
    stored = {(row.normalized, row.version, row.advisory_id) for row in rows}
    true = {(one.project, one.version, one.advisory_id) for one in affected_now(sql, names)}
    missing = [
        f"{name} {version} is affected by {advisory_id}, and that is not stored"
        for name, version, advisory_id in sorted(true - stored)
    ]
    return missing + [
        f"{name} {version} is stored as affected by {advisory_id}, and is not"
        for name, version, advisory_id in sorted(stored - true)
    ]


def _waiting(sql: Connection) -> set[str]:
    """Projects of which the follower has still to hear, or that a job has still to compute."""
    heard = sql.execute(sa.select(follower.c.serial).where(follower.c.name == FOLLOWER)).scalar() or 0
    query = sa.select(ledger_event.c.kind, ledger_event.c.project, ledger_event.c.body).where(
        ledger_event.c.serial > heard, ledger_event.c.kind.in_([CHANGED, *OF_RELEASES])
    )
    found: set[str] = set()
    for row in sql.execute(query):
        found.update(json.loads(row.body)["names"] if row.kind == CHANGED else [row.project])
    for arguments in sql.execute(sa.select(job.c.arguments).where(job.c.name == AFFECTED_JOB)).scalars():
        found.update(arguments["names"])
    return found
