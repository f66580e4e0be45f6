"""Which versions a record covers, put in order once so that each question is a look-up: the answers of `matching`."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from packaging.version import Version

from customhouse.formats.osv.matching import affects, covers, edges_of, read_version
from customhouse.formats.osv.model import Affected, Range, Record

_PLAIN = re.compile(r"(?:0|[1-9][0-9]{0,99})(?:\.(?:0|[1-9][0-9]{0,99}))*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of one range in the order of versions, and whether a version is inside after each of them."""

    range: Range
    versions: tuple[Version, ...]
    inside: tuple[bool, ...]
    """One more than there are edges: the first is before them all."""
    limited: bool

    @classmethod
    def of(cls, affected: Range) -> Edges:
        """Put a range in order."""
        events = edges_of(affected)
        edges = [(event, edge) for event, edge in events if edge is not None]
        inside = [len(edges) < len(events), *(event.kind == "introduced" for event, _ in edges)]
        limited = any(event.kind == "limit" for event in affected.events)
        return cls(affected, tuple(edge for _, edge in edges), tuple(inside), limited)

    def hold(self, version: Version) -> bool:
        """Whether the range holds a version."""
        at = bisect_right(self.versions, version)
        # What happens at an edge itself is for the matcher to say, and so is what a limit does.
        if self.limited or (at and self.versions[at - 1] == version):
            return covers(self.range, version)
        return self.inside[at]


@dataclass(frozen=True)
class Covered:
    """What a record says of the versions of one package."""

    affected: tuple[Affected, ...]
    texts: frozenset[str]
    edges: tuple[Edges, ...]

    @classmethod
    def of(cls, record: Record, name: str) -> Covered:
        """Put what a record says of a package in order; a withdrawn one says nothing."""
        affected = record.of(name) if record.withdrawn is None else ()
        texts = frozenset(text for one in affected for text in one.versions)
        ranges = (place for one in affected for place in one.ranges if place.of_versions)
        return cls(affected, texts, tuple(map(Edges.of, ranges)))

    def holds(self, version: str) -> bool:
        """Whether a version is affected."""
        parsed = read_version(version)
        if parsed is None or parsed.local is not None:
            return any(affects(one, version) for one in self.affected)
        return any(one.hold(parsed) for one in self.edges) or self.lists(version, _key(version))

    def lists(self, version: str, key: str | Version) -> bool:
        """Whether a version without a local part is listed; ``key`` is its own by `_key`."""
        return version in self.texts or key in self._listed

    def prepare(self) -> None:
        """Put the listed versions in order."""
        # It is remembered by being looked at.
        _ = self._listed

    @cached_property
    def _listed(self) -> frozenset[str | Version]:
        """The versions by what each shares with all that are equal to it; most records are never asked for it."""
        return frozenset(_key(text) for text in self.texts)


class Together:
    """Which of several records cover a version of one package: a package with 300 of them is asked in one look-up.

    Between two neighbouring edges of any of their ranges all versions have the same answer, and at an edge too: each
    is found out when it is first asked for.
    """

    def __init__(self, each: Iterable[Covered]) -> None:
        self._each = tuple(each)
        self._edges = sorted({edge for one in self._each for edges in one.edges for edge in edges.versions})
        self._inside: dict[int, frozenset[int]] = {}

    def prepare(self) -> None:
        """Put the listed versions in order now, and not at the first question."""
        for one in self._each:
            one.prepare()

    def holding(self, version: str) -> list[int]:
        """The places of those that cover it, in their order."""
        parsed = read_version(version)
        if parsed is None or parsed.local is not None:
            return [at for at, one in enumerate(self._each) if one.holds(version)]
        inside = self._in_ranges(parsed)
        key = _key(version)
        return [at for at, one in enumerate(self._each) if at in inside or one.lists(version, key)]

    def _in_ranges(self, version: Version) -> frozenset[int]:
        place = bisect_left(self._edges, version)
        is_edge = place < len(self._edges) and self._edges[place] == version
        known = self._inside.get(slot := 2 * place + is_edge)
        if known is None:
            places = (at for at, one in enumerate(self._each) if any(edges.hold(version) for edges in one.edges))
            known = self._inside[slot] = frozenset(places)
        return known


@lru_cache(maxsize=50_000)
def _key(version: str) -> str | Version:
    """What all versions share that are equal (PEP 440); what is no version is equal to nothing else.

    Most versions are plain numbers: those are told by their text, for parsing one takes ten times as long. They are
    remembered, since the records of a package list the same ones.
    """
    if not _PLAIN.fullmatch(version):
        parsed = read_version(version)
        if parsed is None:
            return f"?{version}"
        if parsed.public != parsed.base_version or parsed.epoch or parsed.local:
            return parsed
        version = parsed.base_version
    while version.endswith(".0"):
        version = version[:-2]
    return version
