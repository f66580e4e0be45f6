"""Our own advisories, to be listed where they are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.model import OWN
from customhouse.advisories.tables import advisory, advisory_package
from customhouse.formats.osv.model import PYPI

_NEWEST = (
    sa.select(advisory.c.id, advisory.c.summary, advisory.c.published, advisory.c.modified, advisory.c.withdrawn)
    .where(advisory.c.source == OWN)
    .order_by(advisory.c.modified.desc(), advisory.c.id.desc())
    .limit(sa.bindparam("most"))
)
_NAMES = sa.select(advisory_package.c.advisory_id, advisory_package.c.name).where(
    advisory_package.c.advisory_id.in_(sa.bindparam("ids", expanding=True)), advisory_package.c.ecosystem == PYPI
)


@dataclass(frozen=True, slots=True)
class Authored:
    """An advisory of ours on a list."""

    id: str
    summary: str
    published: datetime | None
    modified: datetime
    withdrawn: datetime | None
    packages: tuple[str, ...]


def own_advisories(sql: Connection, *, most: int) -> list[Authored]:
    """The ones that were changed last."""
    rows = sql.execute(_NEWEST, {"most": most}).all()
    names: dict[str, list[str]] = {}
    for row in sql.execute(_NAMES, {"ids": [row.id for row in rows]}) if rows else ():
        names.setdefault(row.advisory_id, []).append(row.name)
    return [Authored(*row, packages=tuple(sorted(names.get(row.id, ())))) for row in rows]
