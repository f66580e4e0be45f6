"""Who in this index would be hurt if something went: projects whose newest release could no longer be installed."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from packaging.requirements import Requirement
from packaging.version import Version
from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.lifecycle import Dependent
from customhouse.catalog.tables import file, project, release, requirement
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.terms.names import normalize
from customhouse.terms.versions import are_short

MAX_LOOKED_AT = 2000

_NEWEST_RELEASE = (
    sa.select(sa.func.max(release.c.id))
    .where(release.c.project_id == project.c.id, release.c.deleted_at.is_(None))
    .correlate(project)
    .scalar_subquery()
)
_ASKING = (
    sa.select(project.c.normalized, file.c.metadata)
    .select_from(requirement)
    .join(file, file.c.id == requirement.c.file_id)
    .join(project, project.c.id == file.c.project_id)
    .where(
        requirement.c.name == sa.bindparam("name"),
        project.c.normalized != sa.bindparam("name"),
        project.c.deleted_at.is_(None),
        file.c.deleted_at.is_(None),
        file.c.erased_at.is_(None),
        file.c.release_id == _NEWEST_RELEASE,
    )
    .order_by(project.c.normalized, file.c.id)
    .limit(MAX_LOOKED_AT)
)


def dependents_of(
    sql: Connection, normalized: str, *, going: Collection[str], staying: Collection[str]
) -> list[Dependent]:
    """The projects that need one of the versions that go, and for which none of those that stay would do.

    Looks at the newest release of each project. Requirements behind markers and extras count too: somebody has them.
    """
    found: dict[str, Dependent] = {}
    left, gone = [Version(text) for text in staying], [Version(text) for text in going]
    for row in sql.execute(_ASKING, {"name": normalized}):
        if row.normalized in found:
            continue
        for text in parse_stored_metadata(queries.unpack_metadata(row.metadata)).requires_dist:
            wanted = Requirement(text)
            # What was taken in before there was a limit on versions says nothing that can be compared.
            if normalize(wanted.name) != normalized or not are_short(wanted.specifier):
                continue
            hurt = any(wanted.specifier.contains(version, prereleases=True) for version in gone)
            if hurt and not any(wanted.specifier.contains(version, prereleases=True) for version in left):
                found[row.normalized] = Dependent(row.normalized, text)
                break
    return list(found.values())
