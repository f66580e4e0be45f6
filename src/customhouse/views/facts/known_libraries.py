"""What is known to be wrong with libraries that wheels bundle: advisories by library, in memory, right by serial."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories import queries
from customhouse.advisories.queries import Stored
from customhouse.advisories.tables import advisory, advisory_package
from customhouse.catalog.bundled_tables import library_range
from customhouse.formats.bundled.advisories import ECOSYSTEMS, LibraryRange, library_ranges
from customhouse.formats.osv.model import PYPI, Record
from customhouse.formats.osv.severity import Level

GIT = "GIT"
_OF_PYPI = advisory_package.alias("of_pypi")
# Records on libraries (`formats.bundled.advisories`): by their ecosystem, or by a repository and no package of PyPI.
_ON_LIBRARIES = (
    sa.select(advisory.c.id)
    .join(advisory_package, advisory_package.c.advisory_id == advisory.c.id)
    .where(
        sa.or_(
            advisory_package.c.ecosystem.in_(sorted(ECOSYSTEMS)),
            sa.and_(
                advisory_package.c.ecosystem == GIT,
                sa.not_(sa.exists().where(_OF_PYPI.c.advisory_id == advisory.c.id, _OF_PYPI.c.ecosystem == PYPI)),
            ),
        )
    )
    .distinct()
)
_CHANGED = sa.select(advisory.c.id).where(advisory.c.changed_serial > sa.bindparam("serial"))
_SAID = sa.select(library_range).order_by(library_range.c.id)
_SAID_STATE = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(library_range.c.id), 0)).select_from(
    library_range
)


@dataclass(frozen=True, slots=True)
class LibraryAdvice:
    """One record on libraries, as it is remembered."""

    record: Record
    level: Level
    score: float | None
    ranges: tuple[LibraryRange, ...]


class KnownLibraries:
    """The advisories on libraries of one process; safe to use from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._state: tuple[int, ...] = (-1,)
        self._by_id: dict[str, LibraryAdvice] = {}
        self._by_key: dict[str, tuple[LibraryAdvice, ...]] = {}

    def of(self, sql: Connection, keys: Collection[str]) -> Mapping[str, tuple[LibraryAdvice, ...]]:
        """What is known of each of these libraries; keys are their names in lower case. No advice, no entry."""
        if not keys:
            return {}
        with self._guard:
            self._catch_up(sql)
            return {key: self._by_key[key] for key in keys if key in self._by_key}

    def _catch_up(self, sql: Connection) -> None:
        serial = queries.last_change(sql)
        state = (serial, *sql.execute(_SAID_STATE).one())
        if state == self._state:
            return
        said: dict[str, list[LibraryRange]] = {}
        for row in sql.execute(_SAID):
            one = LibraryRange(row.library, row.introduced, row.fixed, row.last_affected)
            said.setdefault(row.advisory_id, []).append(one)
        if state[1:] == self._state[1:]:
            changed = set(sql.execute(_CHANGED, {"serial": self._state[0]}).scalars())
        else:
            changed = {*said, *self._by_id, *sql.execute(_ON_LIBRARIES).scalars()}
        wanted = changed & {*sql.execute(_ON_LIBRARIES).scalars(), *said}
        for gone in changed - wanted:
            self._by_id.pop(gone, None)
        for stored in _found(sql, wanted):
            self._by_id[stored.id] = _advice(stored, said.get(stored.id, ()))
        by_key: dict[str, list[LibraryAdvice]] = {}
        for advice in self._by_id.values():
            for key in {place.library.lower() for place in advice.ranges}:
                by_key.setdefault(key, []).append(advice)
        self._by_key = {key: tuple(found) for key, found in by_key.items()}
        self._state = state


def _found(sql: Connection, ids: Collection[str]) -> Iterable[Stored]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), queries.BATCH):
        yield from queries.find_all(sql, ordered[start : start + queries.BATCH])


def _advice(stored: Stored, said: Iterable[LibraryRange]) -> LibraryAdvice:
    record = stored.record
    # A withdrawn record counts no more, whatever was said beside it.
    ranges = () if record.withdrawn is not None else tuple(dict.fromkeys([*library_ranges(record), *said]))
    return LibraryAdvice(replace(record, document={}, details="", credits=()), stored.level, stored.base_score, ranges)
