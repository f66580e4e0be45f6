"""A record cut down to what an audit asks of one package: edges in order, and the versions that no range covers.

What is left out follows from what is kept: a listed version inside a range of its own entry is affected by the range.
`matching` decides about both forms by the same walk, and a test compares them on every version of the PyPA's database.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version

from customhouse.formats.osv.matching import covers, edges_of, is_listed, read_version, unread_edges, walk
from customhouse.formats.osv.model import Affected, Event, EventKind, Range, Record
from customhouse.formats.osv.severity import UNSCORED, Level, Score, score_of
from customhouse.formats.osv.times import write_time

SUMMARY_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """What one record says of one package."""

    id: str
    modified: str
    aliases: tuple[str, ...]
    upstream: tuple[str, ...]
    summary: str
    score: Score
    parts: tuple[tuple[list[list[tuple[EventKind, str]]], list[str]], ...]
    """For each place where the record names the package: the ranges' edges in order, and the other versions."""
    unread: tuple[str, ...]
    """Edges that are no versions: there the verdict may be wrong."""

    @property
    def is_silent(self) -> bool:
        """Whether it names no version at all, so that nobody can say whether one is affected."""
        return not any(ranges or listed for ranges, listed in self.parts)

    @property
    def has_ranges(self) -> bool:
        """Whether it tells affected versions by ranges."""
        return any(ranges for ranges, _ in self.parts)

    def affects(self, version: str, parsed: Version | None) -> bool:
        """Whether a version is affected; ``parsed`` is None for one that PEP 440 does not know."""
        if parsed is None:
            return any(version in listed for _, listed in self.parts)
        for ranges, listed in self.parts:
            if listed and is_listed(listed, version, parsed):
                return True
            for edges in ranges:
                if walk(((kind, read_version(edge) if edge else None) for kind, edge in edges), parsed):
                    return True
        return False

    def fixes(self) -> Iterator[str]:
        """The versions that mend it, in no order."""
        for ranges, _ in self.parts:
            for edges in ranges:
                yield from (edge for kind, edge in edges if kind == "fixed")

    def record(self, name: str, ecosystem: str) -> Record:
        """The record as far as it is known here; the whole one stands in the snapshot."""
        return Record(
            self.id,
            datetime.fromisoformat(self.modified),
            aliases=self.aliases,
            upstream=self.upstream,
            summary=self.summary,
            affected=tuple(
                Affected(ecosystem, name, name, tuple(_range(edges) for edges in ranges), tuple(listed))
                for ranges, listed in self.parts
            ),
        )


def _range(edges: list[tuple[EventKind, str]]) -> Range:
    return Range("ECOSYSTEM", tuple(Event(kind, edge or "0") for kind, edge in edges))


def write_entry(record: Record, name: str, ecosystem: str, score: Score | None = None) -> str:
    """The row of one package."""
    scored = score or score_of(record)
    affected = record.of(name, ecosystem)
    return json.dumps(
        [
            record.id,
            write_time(record.modified),
            record.aliases,
            record.upstream,
            summary_of(record),
            [int(scored.level), scored.base, scored.vector],
            [[_ranges(one), _left(one)] for one in affected],
            [edge for one in affected for edge in unread_edges(one)],
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def read_entry(text: str) -> Entry:
    """The row again."""
    id_, modified, aliases, upstream, summary, (level, base, vector), parts, unread = json.loads(text)
    score = Score(Level(level), base, vector) if level else UNSCORED
    return Entry(
        id_, modified, tuple(aliases), tuple(upstream), summary, score, tuple(map(tuple, parts)), tuple(unread)
    )


def summary_of(record: Record) -> str:
    """One line that says what it is: the summary, else how the details begin."""
    text = record.summary or record.details
    line = " ".join(text[: 4 * SUMMARY_CHARACTERS].split())
    return line if len(line) <= SUMMARY_CHARACTERS else f"{line[: SUMMARY_CHARACTERS - 1]}…"


def _ranges(affected: Affected) -> list[list[tuple[str, str]]]:
    return [
        [(event.kind, "" if edge is None else event.version) for event, edge in edges_of(one)]
        for one in affected.ranges
        if one.of_versions
    ]


def _left(affected: Affected) -> list[str]:
    ranges = [one for one in affected.ranges if one.of_versions]
    if any((edge := read_version(event.version)) is not None and edge.local for one in ranges for event in one.events):
        # Between local versions a public one may be outside where its neighbours are inside: keep them all.
        return list(affected.versions)
    return [
        version
        for version in affected.versions
        if (parsed := read_version(version)) is None or not any(covers(one, parsed) for one in ranges)
    ]
