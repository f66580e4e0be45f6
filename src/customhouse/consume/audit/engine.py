"""Matches what stands there with what is known: every component by its name, within one state of the advisories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from customhouse.consume.audit.model import Component, Finding, Gap, Report, Subject
from customhouse.consume.audit.paths import Origins
from customhouse.consume.audit.upgrades import fixes_above, smallest_upgrade
from customhouse.consume.snapshot.compact import Entry
from customhouse.consume.snapshot.layout import INTERPRETER, LIBRARIES
from customhouse.consume.snapshot.read import Snapshot
from customhouse.formats.inventory.model import PRODUCTION
from customhouse.formats.osv.matching import read_version
from customhouse.formats.osv.merging import Same, merge
from customhouse.formats.osv.model import PYPI, Record
from customhouse.formats.osv.severity import UNSCORED

_MOST_NAMED = 5
_NO_CPYTHON = "none of these advisories is on CPython"
_TAKE_THE_PSFS = "add those of the Python Software Foundation by --advisories"
Existing = Callable[[Component], Sequence[str] | None]
"""The versions of a component's project that can be installed; None if nobody can say."""


class Scope(NamedTuple):
    """Which of the groups count. The rest is read, to know who brought what in, and not audited."""

    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    def holds(self, component: Component) -> bool:
        """Whether it is audited: one of its groups counts."""
        groups = component.groups - self.without if component.groups else frozenset({PRODUCTION})
        return bool(groups if self.only is None else groups & self.only)


EVERY_GROUP = Scope()


@dataclass
class Engine:
    """One audit."""

    snapshot: Snapshot
    scope: Scope = EVERY_GROUP
    existing: Existing = lambda _component: None
    advance: Callable[[int], None] = lambda _count: None
    """Told how many components have been looked at."""
    ignored: Mapping[str, str] = field(default_factory=dict)
    """Ids that the user wants to hear nothing of, with the reason."""
    _entries: dict[str, list[Entry]] = field(default_factory=dict)
    _passed_over: dict[str, None] = field(default_factory=dict)

    def audit(self, subjects: Iterable[Subject]) -> Report:
        """All that is known of the components of some subjects."""
        every = tuple(subjects)
        findings: list[Finding] = []
        gaps: list[Gap] = [gap for subject in every for gap in subject.gaps]
        names: set[str] = set()
        left_out = 0
        for subject in every:
            origins = _Lazy(subject)
            for component in subject.components:
                if not self.scope.holds(component):
                    left_out += 1
                else:
                    names.add(component.name)
                    found, unsure = self._look_at(component)
                    gaps += unsure
                    findings += [self._with_paths(one, origins) for one in found]
            more, undecided = self._beside_packages(subject)
            findings += more
            gaps += undecided
            self.advance(len(subject.components))
        gaps += [*self._unread(names), *self._unknown_groups(every), *self._without_advisories(names, every)]
        return Report(
            every, tuple(findings), (), tuple(dict.fromkeys(gaps)), self.snapshot.records, self.snapshot.newest,
            left_out, tuple(self._passed_over), tuple(self._unasked(every)),
        )  # fmt: skip

    def entries(self, name: str) -> list[Entry]:
        """What is known of a package, looked up once."""
        found = self._entries.get(name)
        if found is None:
            found = self._entries[name] = self.snapshot.entries(name)
        return found

    def _look_at(self, component: Component) -> tuple[list[Finding], list[Gap]]:
        entries = self.entries(component.name)
        if not entries:
            return [], []
        gaps = list(self._unsure(component, entries))
        if not component.version:
            return [], gaps
        parsed = read_version(component.version)
        affecting = [one for one in entries if one.affects(component.version, parsed)]
        if parsed is None:
            gaps += self._not_compared(component, [one for one in entries if one not in affecting])
        if not affecting:
            return [], gaps
        upgrade = smallest_upgrade(entries, parsed, self.existing(component))
        by_id = {one.id: one for one in affecting}
        findings = []
        for same in _merged(entries, by_id, component.name):
            if any(name in self.ignored for name in same.names):
                self._passed_over[f"{component.name} {component.version}: {same.names[0]}"] = None
                continue
            cves = [name for name in same.names if name.startswith("CVE-")]
            score = self.snapshot.score(same.names)
            findings.append(
                Finding(
                    component,
                    same,
                    score if score.level else UNSCORED,
                    fixes_above((by_id[one.id] for one in same.records), parsed),
                    upgrade,
                    exploited=self.snapshot.exploited(cves),
                    likelihood=self.snapshot.likelihood(cves),
                )
            )
        findings.sort(key=lambda one: (-one.score.level, -(one.score.base or 0.0), one.same.names[0]))
        return findings, gaps

    def _beside_packages(self, subject: Subject) -> tuple[list[Finding], list[Gap]]:
        """The interpreter and bundled libraries, where a subject has them: rare, so they load late."""
        found: list[Finding] = []
        gaps: list[Gap] = []
        if subject.interpreter:
            from customhouse.consume.audit import interpreter  # noqa: PLC0415

            of_python, undecided = interpreter.look_at(subject, self.snapshot, self.ignored)
            found, gaps = found + of_python, gaps + undecided
        if subject.libraries and self.snapshot.knows(LIBRARIES):
            from customhouse.consume.audit import libraries  # noqa: PLC0415

            bundled, unknown = libraries.look_at(subject, self.snapshot, self.ignored)
            found, gaps = found + bundled, gaps + unknown
        return found, gaps

    def _unsure(self, component: Component, entries: Sequence[Entry]) -> Iterator[Gap]:
        """Records that name the package and say nothing that could be compared."""
        for one in entries:
            if one.id in self.ignored or self.ignored.keys() & set(one.aliases):
                continue
            if one.is_silent:
                yield Gap(component.where, f"{one.id} speaks of {component.name} and names no versions",
                          f"read it, then --ignore {one.id} with a --reason")  # fmt: skip
            if one.unread:
                edges = ", ".join(one.unread[:3])
                yield Gap(component.where, f"{one.id} has bounds that are no versions ({edges}): it may be wrong here",
                          f"read it, then --ignore {one.id} with a --reason")  # fmt: skip

    def _not_compared(self, component: Component, entries: Sequence[Entry]) -> Iterator[Gap]:
        """What is no version has no place in a range: it is neither in nor out."""
        told = [one.id for one in entries if one.has_ranges and not self.ignored.keys() & {one.id, *one.aliases}]
        if told:
            more = f" and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
            yield Gap(component.where, f"{component.name} {component.version[:60]!r} is no version (PEP 440), so it"
                      f" cannot be compared with the ranges of {', '.join(told[:_MOST_NAMED])}{more}",
                      "find out which version it is")  # fmt: skip

    def _unknown_groups(self, subjects: Iterable[Subject]) -> Iterator[Gap]:
        """Groups that were asked for and are nowhere: a slip of the pen must not pass for an audit."""
        if self.scope.only is None:
            return
        there = {group for subject in subjects for one in subject.components for group in one.groups}
        for name in sorted(self.scope.only - there - {PRODUCTION}):
            known = ", ".join(sorted(there)[:_MOST_NAMED]) or "none"
            yield Gap(f"group {name[:60]}", f"nothing belongs to it; the groups here are {known}", "look at its name")

    def _without_advisories(self, names: set[str], subjects: Sequence[Subject]) -> Iterator[Gap]:
        """An audit against nothing has checked nothing."""
        if names and not self.snapshot.knows(PYPI):
            yield Gap("advisories", "not one of them is on a package of PyPI", "--advisories with a source of such")
        for subject in subjects:
            if subject.kind == "interpreter" and subject.interpreter and not self._knows_cpython:
                yield Gap(subject.title, _NO_CPYTHON, _TAKE_THE_PSFS)

    @cached_property
    def _knows_cpython(self) -> bool:
        return self.snapshot.knows_alone(INTERPRETER, "")

    def _unasked(self, subjects: Sequence[Subject]) -> Iterator[str]:
        pythons = dict.fromkeys(one.interpreter for one in subjects if one.interpreter and one.kind != "interpreter")
        if pythons and not self._knows_cpython:
            yield f"CPython {', '.join(pythons)}: {_NO_CPYTHON}; {_TAKE_THE_PSFS}"
        libraries = sum(len(one.libraries) for one in subjects)
        if libraries and not self.snapshot.knows(LIBRARIES):
            yield f"{libraries} bundled libraries: none of these advisories is on a library"

    def _unread(self, names: set[str]) -> Iterator[Gap]:
        for one in self.snapshot.unread():
            if not one.packages or names & set(one.packages):
                yield Gap(f"advisory {one.where}", f"it cannot be read: {one.why}", "tell whoever publishes it")

    @staticmethod
    def _with_paths(finding: Finding, origins: _Lazy) -> Finding:
        return replace(finding, paths=origins.known.paths(finding.component.name))


class _Lazy:
    """The graph of a subject, made when the first finding asks for it."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @cached_property
    def known(self) -> Origins:
        return Origins(self._subject.components)


def _merged(entries: Sequence[Entry], affecting: Mapping[str, Entry], name: str) -> list[Same]:
    """One value for each vulnerability. Records that do not affect it may still tell that two others are one."""
    if len(affecting) == 1:
        return merge(one.record(name, PYPI) for one in affecting.values())
    records = [
        affecting[one.id].record(name, PYPI) if one.id in affecting else _bare(one)
        for one in entries
        if one.id in affecting or one.aliases
    ]
    found = []
    for same in merge(records):
        kept = tuple(one for one in same.records if one.id in affecting)
        if kept:
            names = dict.fromkeys([one.id for one in kept] + list(same.names))
            found.append(Same(kept, tuple(names)))
    return found


def _bare(entry: Entry) -> Record:
    return Record(entry.id, datetime.fromisoformat(entry.modified), aliases=entry.aliases)
