"""Which hosted releases are affected by which advisories: computed for a project, for some, or for all at once.

The answer is stored (`affected_release`), so that pages and lists read it by one look-up. It follows what happens: an
event that may change it adds a job, and the job computes the projects concerned anew. Doing so again writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories import queries
from customhouse.advisories.tables import advisory, advisory_package
from customhouse.catalog.tables import project, release
from customhouse.formats.osv.covered import Covered
from customhouse.formats.osv.model import PYPI, Record
from customhouse.index.advising.tables import affected_release
from customhouse.infra.db import Database
from customhouse.terms.errors import Unavailable

AT_ONCE = 200
MOST_TRIES = 5
ROWS_AT_ONCE = 1_000

# Made once: building a statement costs more than running it.
_LIVING = (
    sa.select(project.c.id, project.c.normalized, release.c.version)
    .join(release, release.c.project_id == project.c.id)
    .where(project.c.deleted_at.is_(None), release.c.deleted_at.is_(None))
)
_RELEASES = _LIVING.where(project.c.normalized.in_(sa.bindparam("names", expanding=True))).order_by(
    project.c.id, release.c.id
)
_RELEASES_OF = _LIVING.where(project.c.id == sa.bindparam("id"))
_HOSTED = sa.select(project.c.normalized).where(project.c.normalized.in_(sa.bindparam("names", expanding=True)))
_BOTH = (
    sa.select(project.c.normalized)
    .where(
        project.c.deleted_at.is_(None),
        project.c.normalized > sa.bindparam("last"),
        sa.exists().where(advisory_package.c.ecosystem == PYPI, advisory_package.c.name == project.c.normalized),
    )
    .order_by(project.c.normalized)
    .limit(AT_ONCE)
)
_NAMED = sa.union_all(
    sa.select(sa.literal(1)).where(
        advisory_package.c.ecosystem == PYPI, advisory_package.c.name == sa.bindparam("name")
    ),
    sa.select(sa.literal(1))
    .join_from(affected_release, project, project.c.id == affected_release.c.project_id)
    .where(project.c.normalized == sa.bindparam("name")),
).limit(1)
_LOCKED = sa.select(project.c.id).where(project.c.normalized == sa.bindparam("name")).with_for_update()
_STATES = (
    sa.select(advisory.c.id, advisory.c.digest)
    .join(advisory_package, advisory_package.c.advisory_id == advisory.c.id)
    .where(advisory_package.c.ecosystem == PYPI, advisory_package.c.name == sa.bindparam("name"))
)
_STORED = sa.select(affected_release.c.version, affected_release.c.advisory_id).where(
    affected_release.c.project_id == sa.bindparam("id")
)
_GONE = affected_release.delete().where(
    affected_release.c.project_id == sa.bindparam("of"),
    affected_release.c.version == sa.bindparam("which"),
    affected_release.c.advisory_id == sa.bindparam("by"),
)
_INSERT = affected_release.insert()


@dataclass(frozen=True, slots=True)
class AffectedRelease:
    """A hosted version, and an advisory by which it is affected."""

    project: str
    version: str
    advisory_id: str


def affected_versions(records: Iterable[Record], name: str, versions: Sequence[str]) -> dict[str, list[str]]:
    """The versions of a package that each record affects, by the record's id; those that affect none are left out."""
    found = {}
    for record in records:
        covered = Covered.of(record, name)
        if affected := [version for version in versions if covered.holds(version)]:
            found[record.id] = affected
    return found


def reverse_audit(database: Database) -> Iterator[AffectedRelease]:
    """Every hosted release against every advisory, by project; private projects too.

    Only projects that an advisory names are looked at, in batches, each in a transaction of its own.
    """
    last = ""
    while True:
        with database.read() as sql:
            names = sql.execute(_BOTH, {"last": last}).scalars().all()
            if not names:
                return
            hosted, stored = _releases(sql, names), queries.of_names(sql, names)
        last = names[-1]
        yield from _affected(hosted, stored)


def affected_now(sql: Connection, names: Collection[str]) -> Iterator[AffectedRelease]:
    """The same for some projects, computed and not looked up."""
    return _affected(_releases(sql, names), queries.of_names(sql, names))


def _affected(
    hosted: Mapping[str, tuple[int, list[str]]], stored: Mapping[str, Sequence[queries.Stored]]
) -> Iterator[AffectedRelease]:
    for name, (_project_id, versions) in hosted.items():
        records = (one.record for one in stored.get(name, ()))
        for advisory_id, affected in affected_versions(records, name, versions).items():
            yield from (AffectedRelease(name, version, advisory_id) for version in affected)


def hosted_among(sql: Connection, names: Collection[str]) -> list[str]:
    """Which of these names are projects of ours, deleted ones too."""
    found: list[str] = []
    wanted = sorted(names)
    for start in range(0, len(wanted), AT_ONCE):
        found.extend(sql.execute(_HOSTED, {"names": wanted[start : start + AT_ONCE]}).scalars())
    return found


def may_be_affected(sql: Connection, name: str) -> bool:
    """Whether any advisory names a project, or something is stored of it from when one did."""
    return sql.execute(_NAMED, {"name": name}).first() is not None


def keep_affected(database: Database, name: str) -> bool:
    """Compute what affects a project and store it; whether that has changed.

    Nothing slow happens while the project is locked. If an advisory or a release has come meanwhile it is computed
    again, so that two who do this at once leave what is right. Raises `Unavailable` if that happens too often.
    """
    for _try in range(MOST_TRIES):
        with database.read() as sql:
            before = _state(sql, name)
            if before.project_id is None:
                return False
            stored = queries.of_names(sql, [name]).get(name, [])
        affected = affected_versions((one.record for one in stored), name, before.versions)
        wanted = {(version, advisory_id) for advisory_id, versions in affected.items() for version in versions}
        with database.write() as sql:
            sql.execute(_LOCKED, {"name": name})
            if _state(sql, name) == before:
                return _write(sql, before.project_id, wanted)
    raise Unavailable(f"The project {name}", "its advisories change all the time", retry_after_seconds=60)


@dataclass(frozen=True, slots=True)
class _State:
    """All that the answer for one project depends on."""

    project_id: int | None
    versions: tuple[str, ...]
    advisories: frozenset[tuple[str, str]]


def _state(sql: Connection, name: str) -> _State:
    row = sql.execute(sa.select(project.c.id).where(project.c.normalized == name)).scalar()
    if row is None:
        return _State(None, (), frozenset())
    versions = tuple(sorted(one.version for one in sql.execute(_RELEASES_OF, {"id": row})))
    states = frozenset((one.id, one.digest) for one in sql.execute(_STATES, {"name": name}))
    return _State(row, versions, states)


def _releases(sql: Connection, names: Collection[str]) -> Mapping[str, tuple[int, list[str]]]:
    found: dict[str, tuple[int, list[str]]] = {}
    for row in sql.execute(_RELEASES, {"names": list(names)}):
        found.setdefault(row.normalized, (row.id, []))[1].append(row.version)
    return found


def _write(sql: Connection, project_id: int, wanted: set[tuple[str, str]]) -> bool:
    stored = {(row.version, row.advisory_id) for row in sql.execute(_STORED, {"id": project_id})}
    gone, new = sorted(stored - wanted), sorted(wanted - stored)
    if gone:
        sql.execute(_GONE, [{"of": project_id, "which": version, "by": by} for version, by in gone])
    for start in range(0, len(new), ROWS_AT_ONCE):
        rows = new[start : start + ROWS_AT_ONCE]
        sql.execute(
            _INSERT, [{"project_id": project_id, "version": version, "advisory_id": by} for version, by in rows]
        )
    return bool(gone or new)
