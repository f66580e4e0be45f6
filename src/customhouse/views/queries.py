"""Reading how views are defined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import name as name_table
from customhouse.infra.pages import epoch_name
from customhouse.infra.tables import changed
from customhouse.mirror.tables import mirror_project
from customhouse.views.model import View
from customhouse.views.tables import view

_ALL = sa.select(view, changed.c.serial).outerjoin(changed, changed.c.name == sa.literal(epoch_name("")) + view.c.name)
_ONE = _ALL.where(view.c.name == sa.bindparam("view"))


def find_view(sql: Connection, name: str) -> View | None:
    """One view, or None."""
    row = sql.execute(_ONE, {"view": name}).one_or_none()
    return _view(row) if row is not None else None


def all_views(sql: Connection) -> list[View]:
    """Every view, by name."""
    return [_view(row) for row in sql.execute(_ALL.order_by(view.c.name))]


def mirrored_names(sql: Connection, upstreams: Sequence[str]) -> list[str]:
    """The projects that are here of these upstreams and still theirs, by their normalised names."""
    wanted = (
        sa.select(mirror_project.c.name)
        .join(name_table, name_table.c.normalized == mirror_project.c.name)
        .where(
            mirror_project.c.upstream.in_(upstreams),
            mirror_project.c.removed_at.is_(None),
            name_table.c.state == "upstream",
            name_table.c.upstream == mirror_project.c.upstream,
        )
    )
    return list(sql.execute(wanted).scalars())


def _view(row: sa.Row[Any]) -> View:
    return View(row.name, tuple(row.upstreams), row.policy, row.serial or 0, row.changed_at)
