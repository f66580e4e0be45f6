"""Reading what projects say of vulnerabilities."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.vex.tables import vex_statement
from customhouse.catalog.tables import project
from customhouse.index.vex.model import Stated

_ALL = (
    sa.select(vex_statement, project.c.normalized, project.c.display)
    .join(project, project.c.id == vex_statement.c.project_id)
    .where(vex_statement.c.withdrawn_at.is_(None))
    .order_by(project.c.normalized, vex_statement.c.vulnerability, vex_statement.c.made_at, vex_statement.c.id)
)


def of_project(sql: Connection, project_id: int) -> list[Stated]:
    """What a project says."""
    return [_stated(row) for row in sql.execute(_ALL.where(vex_statement.c.project_id == project_id))]


def about(sql: Connection, names: Collection[str], *, most: int = 200) -> list[Stated]:
    """What public projects say of the vulnerability that goes by these names."""
    query = _ALL.where(
        vex_statement.c.vulnerability.in_(sorted(names)),
        project.c.visibility == "public",
        project.c.deleted_at.is_(None),
    ).limit(most)
    return [_stated(row) for row in sql.execute(query)]


def find_statement(sql: Connection, project_id: int, statement_id: str) -> Stated | None:
    """One of a project's statements that it has not taken back."""
    query = _ALL.where(vex_statement.c.project_id == project_id, vex_statement.c.id == statement_id)
    row = sql.execute(query).one_or_none()
    return _stated(row) if row is not None else None


def _stated(row: Any) -> Stated:
    return Stated(
        row.id, row.normalized, row.display, row.specifier, row.part, row.part_specifier, row.vulnerability, row.status,
        row.justification, row.impact, row.action, row.reason, row.version, row.made_at, row.changed_at, row.expires,
        row.withdrawn_at,
    )  # fmt: skip
