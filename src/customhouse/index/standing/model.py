"""A standing audit as rules see it: its components, what is known of them, and what of that is news. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from customhouse.formats.osv.matching import fixed_versions, is_affected, read_version
from customhouse.formats.osv.merging import Same, merge
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import Level
from customhouse.terms.errors import Rejected
from customhouse.terms.names import ProjectName
from customhouse.terms.versions import LONGEST_VERSION

PER_ACCOUNT = 20
MOST_COMPONENTS = 3_000
"""Of one list: more than twice the largest lock that was named to us (1,300)."""
LONGEST_TITLE = 200
CODE = "bad-standing"
_PLAIN = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pinned:
    """One package at one version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A list that somebody has registered."""

    id: str
    account_id: int
    title: str
    components: int
    target: str
    created_at: datetime
    registered_at: datetime
    checked_at: datetime | None
    checked_serial: int


@dataclass(frozen=True, slots=True)
class Told:
    """One vulnerability of one component, in the words in which its owner is told of it."""

    name: str
    version: str
    vulnerability: str
    names: tuple[str, ...]
    level: str
    fix: str
    """The smallest version above that no record affects; empty if there is none."""
    summary: str
    exploited: bool

    def content(self) -> dict[str, Any]:
        """What is compared, to tell nothing twice."""
        return {"level": self.level, "fix": self.fix, "exploited": self.exploited, "summary": self.summary}


Change = Literal["new", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class News:
    """What has become of one finding."""

    change: Change
    told: Told

    def plain(self) -> dict[str, Any]:
        """As JSON values, for a letter or a webhook."""
        one = self.told
        return {
            "change": self.change, "package": one.name, "version": one.version, "vulnerability": one.vulnerability,
            "aliases": [name for name in one.names if name != one.vulnerability], "level": one.level,
            "fix": one.fix or None, "summary": one.summary, "exploited": one.exploited,
        }  # fmt: skip


def read_components(text: str) -> tuple[Pinned, ...]:
    """Components from lines of ``name==version``, each once; raises `Rejected` naming the line."""
    found: dict[Pinned, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        where = f"components, line {number}"
        name, pinned, version = plain.partition("==")
        version = version.strip()
        if not pinned or len(version) > LONGEST_VERSION or not _PLAIN.fullmatch(version):
            raise Rejected(CODE, where, f"{plain[:80]!r} is no package at a version", "name==version")
        found[Pinned(ProjectName.parse(name.strip(), where=where).normalized, version)] = None
        if len(found) > MOST_COMPONENTS:
            raise Rejected(CODE, "components", f"more than {MOST_COMPONENTS}", f"at most {MOST_COMPONENTS}")
    if not found:
        raise Rejected(CODE, "components", "there are none", "a line name==version for each")
    return tuple(found)


def findings_of(
    components: Iterable[Pinned], records: Mapping[str, Sequence[tuple[Record, Level]]], exploited: frozenset[str]
) -> tuple[Told, ...]:
    """Everything that is known of these components, by package and name of the vulnerability."""
    found: list[Told] = []
    for one in components:
        known = records.get(one.name, ())
        if not any(is_affected(record, one.name, one.version) for record, _ in known):
            continue
        levels = {record.id: level for record, level in known}
        every = [record for record, _ in known]
        fix = smallest_fix(every, one)
        for same in merge(every):
            affecting = [record for record in same.records if is_affected(record, one.name, one.version)]
            if affecting:
                found.append(_told(one, same, affecting, levels, fix, exploited))
    return tuple(sorted(found, key=lambda one: (one.name, one.version, one.vulnerability)))


def _told(
    one: Pinned,
    same: Same,
    affecting: Sequence[Record],
    levels: Mapping[str, Level],
    fix: str,
    exploited: frozenset[str],
) -> Told:
    return Told(
        one.name, one.version, affecting[0].id, same.names,
        max(levels[record.id] for record in same.records).word, fix,
        next((record.summary for record in affecting if record.summary), "")[:300],
        not exploited.isdisjoint(same.names),
    )  # fmt: skip


def smallest_fix(records: Sequence[Record], one: Pinned) -> str:
    """The lowest version above the present one that the records name as mended and none of them affects.

    One of the same major version is taken before the others.
    """
    present = read_version(one.version)
    named = {parsed: text for record in records for text in fixed_versions(record, one.name)
             if (parsed := read_version(text)) is not None}  # fmt: skip
    above = sorted(parsed for parsed in named if present is None or parsed > present)
    if present is not None:
        above.sort(key=lambda parsed: (parsed.epoch, parsed.major) != (present.epoch, present.major))
    mended = (
        named[parsed] for parsed in above if not any(is_affected(record, one.name, named[parsed]) for record in records)
    )
    return next(mended, "")


def news_of(before: Sequence[Told], now: Sequence[Told]) -> tuple[News, ...]:
    """What is new, other than it was told, or no more. A vulnerability is known by any of its names."""
    left = {(one.name, one.version, name): one for one in before for name in (one.vulnerability, *one.names)}
    found: list[News] = []
    met: set[tuple[str, str, str]] = set()
    for one in now:
        keys = [(one.name, one.version, name) for name in (one.vulnerability, *one.names)]
        old = next((left[key] for key in keys if key in left), None)
        if old is None:
            found.append(News("new", one))
        else:
            met.add((old.name, old.version, old.vulnerability))
            if old.content() != one.content():
                found.append(News("changed", one))
    gone = [one for one in before if (one.name, one.version, one.vulnerability) not in met]
    return (*found, *(News("gone", one) for one in gone))
