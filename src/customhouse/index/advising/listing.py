"""The list of advisories, what was modified last first; and the newest that touch what everybody may see here."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.tables import advisory, advisory_alias, advisory_package
from customhouse.catalog.tables import project
from customhouse.formats.osv.model import PYPI
from customhouse.formats.osv.severity import Level
from customhouse.index.advising.tables import affected_release
from customhouse.terms.names import normalize

PAGE = 50
MOST_PAGES = 2000
NEWEST = 40
LONGEST_TEXT = 200
LONGEST_BEGINNING = 140

_TOUCHED = (
    sa.select(project.c.normalized)
    .join_from(affected_release, project, project.c.id == affected_release.c.project_id)
    .where(
        affected_release.c.advisory_id == advisory.c.id, project.c.visibility == "public",
        project.c.deleted_at.is_(None), project.c.status != "quarantined",
    )
    .correlate(advisory)
)  # fmt: skip
_COLUMNS = (advisory.c.id, advisory.c.level, advisory.c.summary, advisory.c.modified, advisory.c.withdrawn)
_DOCUMENTS = sa.select(advisory.c.id, advisory.c.document).where(advisory.c.id.in_(sa.bindparam("ids", expanding=True)))
_NAMES = sa.select(advisory_package.c.advisory_id, advisory_package.c.name).where(
    advisory_package.c.advisory_id.in_(sa.bindparam("ids", expanding=True)), advisory_package.c.ecosystem == PYPI
)
_HERE = (
    sa.select(affected_release.c.advisory_id, project.c.normalized)
    .join_from(affected_release, project, project.c.id == affected_release.c.project_id)
    .where(
        affected_release.c.advisory_id.in_(sa.bindparam("ids", expanding=True)), project.c.visibility == "public",
        project.c.deleted_at.is_(None), project.c.status != "quarantined",
    )
    .distinct()
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which advisories somebody wants to see. ``text`` is an id, an alias or the name of a package."""

    text: str = ""
    level: Level = Level.UNKNOWN
    """At least; unknown: all."""
    here: bool = False
    """Only those that affect something that is listed here."""


@dataclass(frozen=True, slots=True)
class Line:
    """One advisory in the list."""

    id: str
    level: Level
    summary: str
    modified: datetime
    withdrawn: datetime | None
    packages: Sequence[str]
    here: Sequence[str]
    """The public projects of ours that it affects."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list."""

    lines: Sequence[Line]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many there are."""
        return min(-(-self.total // PAGE), MOST_PAGES)


def listing(sql: Connection, wanted: Wanted, page: int = 1) -> Listing:
    """A page of what somebody wants."""
    conditions = _conditions(wanted)
    total = sql.execute(sa.select(sa.func.count()).select_from(advisory).where(*conditions)).scalar_one()
    chosen = sa.select(*_COLUMNS).where(*conditions).order_by(advisory.c.modified.desc(), advisory.c.id.desc())
    rows = sql.execute(chosen.limit(PAGE).offset((page - 1) * PAGE)).all()
    return Listing(_lines(sql, rows), total, page)


def newest_here(sql: Connection) -> Sequence[Line]:
    """What was written last of all that affects something listed, without what was withdrawn."""
    chosen = (
        sa.select(*_COLUMNS)
        .where(_TOUCHED.exists(), advisory.c.withdrawn.is_(None))
        .order_by(advisory.c.changed_serial.desc(), advisory.c.id.desc())
        .limit(NEWEST)
    )
    return _lines(sql, sql.execute(chosen).all())


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.text:
        spelled = sorted({wanted.text, wanted.text.upper()})
        mine = advisory_alias.c.advisory_id == advisory.c.id
        named = sa.and_(
            advisory_package.c.advisory_id == advisory.c.id, advisory_package.c.ecosystem == PYPI,
            advisory_package.c.name == normalize(wanted.text),
        )  # fmt: skip
        found.append(
            sa.or_(
                advisory.c.id.in_(spelled),
                sa.exists().where(mine, advisory_alias.c.alias.in_(spelled)),
                sa.exists().where(named),
            )
        )
    if wanted.level > Level.UNKNOWN:
        found.append(advisory.c.level >= int(wanted.level))
    if wanted.here:
        found.append(_TOUCHED.exists())
    return found


def _lines(sql: Connection, rows: Sequence[Any]) -> list[Line]:
    ids = [row.id for row in rows]
    packages = _grouped(sql.execute(_NAMES, {"ids": ids})) if ids else {}
    here = _grouped(sql.execute(_HERE, {"ids": ids})) if ids else {}
    untitled = [row.id for row in rows if not row.summary]
    documents = sql.execute(_DOCUMENTS, {"ids": untitled}).all() if untitled else []
    beginnings = {row.id: _beginning(json.loads(row.document).get("details") or "") for row in documents}
    return [
        Line(
            row.id, Level(row.level), row.summary or beginnings.get(row.id, ""), row.modified, row.withdrawn,
            sorted(packages.get(row.id, ())), sorted(here.get(row.id, ())),
        )
        for row in rows
    ]  # fmt: skip


def _beginning(details: str) -> str:
    """The first words of what a record says that has no summary; many of the PyPA's have none."""
    words = " ".join(details[: 4 * LONGEST_BEGINNING].split())
    return words if len(words) <= LONGEST_BEGINNING else f"{words[:LONGEST_BEGINNING].rpartition(' ')[0]} …"


def _grouped(rows: Any) -> Mapping[str, Collection[str]]:
    found: dict[str, list[str]] = {}
    for advisory_id, name in rows:
        found.setdefault(advisory_id, []).append(name)
    return found
