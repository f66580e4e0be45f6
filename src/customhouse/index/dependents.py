"""Who in this index would be hurt if something went: projects whose newest release could no longer be installed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

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
    sa.select(project.c.normalized, project.c.visibility, file.c.metadata)
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


@dataclass(frozen=True, slots=True)
class Asking:
    """What the newest release of a project asks of another one, in one line of its metadata."""

    project: str
    public: bool
    text: str
    wanted: Requirement

    def admits(self, version: Version) -> bool:
        """Whether a version would do; pre-releases too, because somebody may ask for them."""
        return self.wanted.specifier.contains(version, prereleases=True)


def asking_for(sql: Connection, normalized: str) -> Iterator[Asking]:
    """What the newest releases of all projects ask of one, in the order of their names.

    Requirements behind markers and extras count too: somebody has them.
    """
    for row in sql.execute(_ASKING, {"name": normalized}):
        for text in parse_stored_metadata(queries.unpack_metadata(row.metadata)).requires_dist:
            wanted = Requirement(text)
            # What was taken in before there was a limit on versions says nothing that can be compared.
            if normalize(wanted.name) == normalized and are_short(wanted.specifier):
                yield Asking(row.normalized, row.visibility == "public", text, wanted)


def dependents_of(
    sql: Connection, normalized: str, *, going: Collection[str], staying: Collection[str]
) -> list[Dependent]:
    """The projects that need one of the versions that go, and for which none of those that stay would do."""
    found: dict[str, Dependent] = {}
    left, gone = [Version(text) for text in staying], [Version(text) for text in going]
    for one in asking_for(sql, normalized):
        if one.project not in found and any(map(one.admits, gone)) and not any(map(one.admits, left)):
            found[one.project] = Dependent(one.project if one.public else "", one.text)
    return list(found.values())
