"""What a process remembers of advisories: parsed records by the name of their package, right at every look.

A record costs a fraction of a millisecond to parse, so each is parsed once in a process and not once for a question.
Every look asks the database first whether an advisory was written since the last one; then the names that it speaks of,
and those it spoke of before, are forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories import queries
from customhouse.advisories.queries import Stored
from customhouse.advisories.tables import advisory, advisory_package
from customhouse.formats.osv.covered import Covered, Together
from customhouse.formats.osv.model import PYPI, Record
from customhouse.formats.osv.severity import MALWARE, Level
from customhouse.infra.db import Database

MOST_NAMES = 50_000
"""So many names are remembered, most of them with nothing to say."""
_AT_ONCE = 500
_WARMED_AT_ONCE = 20
"""Whoever asks meanwhile waits for so many."""
_PAUSE_SECONDS = 0.01
_ADVISED = (
    sa.select(advisory_package.c.name).distinct()
    .where(advisory_package.c.ecosystem == PYPI, sa.not_(advisory_package.c.advisory_id.startswith(MALWARE)))
    .limit(10_000)
)  # fmt: skip
"""Harmful packages are many more, and in nobody's lock for long."""

# A record that names no package any more is among them, with nothing beside its id.
_CHANGED = (
    sa.select(advisory.c.id, advisory_package.c.name)
    .join(advisory_package, advisory_package.c.advisory_id == advisory.c.id, isouter=True)
    .where(advisory.c.changed_serial > sa.bindparam("serial"))
)


@dataclass(frozen=True, slots=True)
class Advice:
    """A record as it is remembered: what matching needs, and how bad it is."""

    record: Record
    """Without its document, details and credits, which stay in the database."""
    level: Level
    covered: Covered
    """What it says of the package under whose name it is remembered."""
    score: float | None = None
    """CVSS base score, if anybody has scored it."""
    source: str = ""
    """Whose record it is (`advisory_source`)."""

    @property
    def id(self) -> str:
        """The record's."""
        return self.record.id


class OfPackage:
    """What is remembered of one package, ordered by id."""

    def __init__(self, advice: Iterable[Advice]) -> None:
        self.advice = tuple(advice)
        self._together = Together(one.covered for one in self.advice)

    def prepare(self) -> None:
        """Put everything in order for the first question."""
        self._together.prepare()

    def affecting(self, version: str) -> list[Advice]:
        """What affects a version, or all that is not withdrawn if none is asked for."""
        if not version:
            return [one for one in self.advice if one.record.withdrawn is None]
        return [self.advice[at] for at in self._together.holding(version)] if self.advice else []


class Known:
    """The advisories of an installation; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._serial = 0
        self._by_name: dict[str, OfPackage] = {}

    def of(self, names: Collection[str]) -> Mapping[str, Sequence[Advice]]:
        """What is known of each of these PyPI packages, ordered by id, withdrawn records too; names normalised."""
        return {name: one.advice for name, one in self.packages(names).items()}

    def packages(self, names: Collection[str]) -> Mapping[str, OfPackage]:
        """The same, to be asked for versions."""
        with self._database.read() as sql, self._guard:
            self._catch_up(sql)
            missing = [name for name in dict.fromkeys(names) if name not in self._by_name]
            if len(self._by_name) + len(missing) > MOST_NAMES:
                self._by_name.clear()
                missing = list(dict.fromkeys(names))
            for start in range(0, len(missing), _AT_ONCE):
                self._remember(sql, missing[start : start + _AT_ONCE])
            return {name: self._by_name[name] for name in names}

    def affecting(self, name: str, version: str) -> list[Advice]:
        """What affects this version of a package; an empty version asks for all that is not withdrawn."""
        return self.packages([name])[name].affecting(version)

    def warm(self, stop: threading.Event) -> None:
        """Read ahead what is known of packages, so that nobody waits for it; until ``stop``, and never in haste."""
        with self._database.read() as sql:
            names = sql.execute(_ADVISED).scalars().all()
        for start in range(0, len(names), _WARMED_AT_ONCE):
            for one in self.packages(names[start : start + _WARMED_AT_ONCE]).values():
                one.prepare()
            if stop.wait(_PAUSE_SECONDS):
                return

    def _remember(self, sql: Connection, names: Sequence[str]) -> None:
        stored = queries.of_names(sql, names)
        for name in names:
            # What lies in the store was read when it was written, so reading it cannot fail.
            self._by_name[name] = OfPackage(_advice(one, name) for one in stored.get(name, ()))

    def _catch_up(self, sql: Connection) -> None:
        serial = queries.last_change(sql)
        if serial == self._serial:
            return
        rows = sql.execute(_CHANGED, {"serial": self._serial}).all()
        ids = {row.id for row in rows}
        before = [name for name, one in self._by_name.items() if not ids.isdisjoint(each.id for each in one.advice)]
        for name in {row.name for row in rows}.union(before):
            self._by_name.pop(name, None)
        self._serial = serial


def _advice(stored: Stored, name: str) -> Advice:
    record = replace(stored.record, document={}, details="", credits=())
    return Advice(record, stored.level, Covered.of(record, name), stored.base_score, stored.source)
