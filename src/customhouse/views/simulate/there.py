"""What there is of a project whatever any policy says, with the facts by which any policy decides: looked up once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock

from customhouse.formats.simple import SimpleFile
from customhouse.terms.versions import version_of
from customhouse.views.chain import AsOf, FirstThatHas, Hosted, Source, Upstream
from customhouse.views.facts.facts_of import ProjectFacts, facts_of
from customhouse.views.model import HOSTED, Offered, View
from customhouse.views.offering import Views

KEPT_FILES = 60_000
"""So many files, of however many projects, one process remembers; the projects asked for longest ago go first."""
KEPT_FOR = timedelta(seconds=60)
WITHIN = timedelta(hours=1)
"""How long ago the upstream may have confirmed what a simulation rests on."""


@dataclass(frozen=True)
class There:
    """One project in a view without a policy."""

    offered: Offered
    facts: ProjectFacts
    wants: frozenset[str]

    @property
    def hosted(self) -> bool:
        """Whether it is hosted here, so that only rules bind it that say so."""
        return self.offered.origin == HOSTED

    @cached_property
    def by_version(self) -> dict[str, tuple[SimpleFile, ...]]:
        """The files of each version, the newest version first."""
        found: dict[str, list[SimpleFile]] = {}
        for file in self.offered.page.files:
            found.setdefault(file.version, []).append(file)
        order = sorted(found, key=_order, reverse=True)
        return {version: tuple(found[version]) for version in order}

    @cached_property
    def by_filename(self) -> dict[str, SimpleFile]:
        """Every file, those too that only their address reaches."""
        return {file.filename: file for file in self.offered.whole.files}


def _order(version: str) -> tuple[bool, object]:
    parsed = version_of(version)
    return (parsed is not None, parsed if parsed is not None else version)


@dataclass
class Looking:
    """Looks projects up for simulations, and remembers them for a minute within bounds. Threads share it."""

    views: Views
    most_files: int = KEPT_FILES
    _kept: OrderedDict[tuple[object, ...], tuple[datetime, There | None]] = field(default_factory=OrderedDict)
    _files: int = 0
    _lock: Lock = field(default_factory=Lock)

    def there(
        self, view: View, name: str, *, wants: Collection[str], as_of: datetime | None = None
    ) -> There | None:  # fmt: skip
        """The project, or None if the view has none. Raises `Unavailable` if nobody can say just now."""
        now, wanted = self.views.clock.now(), frozenset(wants)
        key = (view.name, view.epoch, view.upstreams, name, as_of, wanted)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and now - kept[0] < KEPT_FOR:
                self._kept.move_to_end(key)
                return kept[1]
        found = self._look(view, name, wanted, as_of)
        with self._lock:
            self._forget(key)
            self._kept[key] = (now, found)
            self._files += _weight(found)
            while self._files > self.most_files and len(self._kept) > 1:
                self._forget(next(iter(self._kept)))
        return found

    def _forget(self, key: tuple[object, ...]) -> None:
        gone = self._kept.pop(key, None)
        self._files -= _weight(gone[1]) if gone is not None else 0

    def _look(self, view: View, name: str, wants: frozenset[str], as_of: datetime | None) -> There | None:
        offered = source_of(self.views, view, as_of).project(name)
        if offered is None or offered.gone:
            return None
        with self.views.database.read(snapshot=True) as sql:
            facts = facts_of(
                sql, offered.whole, offered.origin, offered.mirrored, now=as_of or self.views.clock.now(), wants=wants,
                around=self.views.around, as_of=as_of,
            )  # fmt: skip
        return There(offered, facts, wants)


def _weight(there: There | None) -> int:
    """What it counts for: its files, and a name that nobody has counts too."""
    return 1 + (len(there.offered.whole.files) if there is not None else 0)


def source_of(views: Views, view: View, as_of: datetime | None) -> Source:
    """The chain of a view without its policy: what there is."""
    hosted = Hosted(views.database, views.clock.now(), views.deleted_files_answer, views.site)
    source: Source = FirstThatHas(hosted, Upstream(views.pulls, view.upstreams, WITHIN, views.site, view.name))
    return AsOf(source, as_of) if as_of is not None else source
