"""What a project's page says of known vulnerabilities: of the shown version in words, of the others as a badge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from customhouse.advisories.known import Advice, OfPackage
from customhouse.formats.osv.matching import fixed_versions, read_version
from customhouse.formats.osv.merging import merge
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import Level

SHOWN = 12
MALWARE = "MAL-"


@dataclass(frozen=True, slots=True)
class Warned:
    """One vulnerability of the shown version, whatever number of records tell of it."""

    id: str
    others: Sequence[str]
    word: str
    summary: str
    fixed: Sequence[str]
    """Versions above the shown one in which it is mended."""

    @property
    def is_malware(self) -> bool:
        """Whether it is no flaw but harm that somebody means."""
        return self.id.startswith(MALWARE)


@dataclass(frozen=True, slots=True)
class Badge:
    """How many vulnerabilities a version has, and how bad the worst is."""

    count: int
    word: str


@dataclass(frozen=True, slots=True)
class WarningsView:
    """What the page shows. The worst stands first."""

    version: str
    shown: Sequence[Warned]
    total: int
    badges: Mapping[str, Badge]
    """By version; one without any has none."""
    way_out: str
    """The lowest listed version above the shown one of which nothing is known; empty if there is none."""

    @property
    def has_malware(self) -> bool:
        """Whether the shown version is harmful."""
        return any(one.is_malware for one in self.shown)


def warnings_view(advice: Sequence[Advice], name: str, shown: str, versions: Sequence[str]) -> WarningsView:
    """The warnings of a project; ``versions`` are all that are listed."""
    known = OfPackage(advice)
    by_version = {version: known.affecting(version) for version in versions}
    warned = _warned(by_version.get(shown, ()), name, shown)
    # Neighbouring versions mostly share what is known of them.
    made: dict[tuple[str, ...], Badge] = {}
    badges = {}
    for version, found in by_version.items():
        key = tuple(one.id for one in found)
        if key:
            badges[version] = made[key] if key in made else made.setdefault(key, _badge(found))
    return WarningsView(shown, warned[:SHOWN], len(warned), badges, _way_out(by_version, shown) if warned else "")


def _warned(advice: Sequence[Advice], name: str, version: str) -> list[Warned]:
    levels = {one.id: one.level for one in advice}
    found = []
    for same in merge(one.record for one in advice):
        level = max(levels[record.id] for record in same.records)
        first = same.first
        summary = next((record.summary for record in same.records if record.summary), "")
        others = [one for one in same.names if one != first.id]
        found.append((level, Warned(first.id, others, word_of(level), summary, _fixes(same.records, name, version))))
    return [one for _, one in sorted(found, key=lambda pair: (not pair[1].is_malware, -pair[0], pair[1].id))]


def _fixes(records: Sequence[Record], name: str, version: str) -> list[str]:
    here = read_version(version)
    found = {fix for record in records for fix in fixed_versions(record, name)}
    return sorted((fix for fix in found if here is None or Version(fix) > here), key=Version)


def _badge(advice: Sequence[Advice]) -> Badge:
    malware = any(one.id.startswith(MALWARE) for one in advice)
    worst = max(one.level for one in advice)
    return Badge(len(merge(one.record for one in advice)), "malware" if malware else word_of(worst))


def word_of(level: Level) -> str:
    """The level for people."""
    return {Level.UNKNOWN: "not scored", Level.NONE: "no severity"}.get(level, level.word)


def _way_out(by_version: Mapping[str, Sequence[Advice]], shown: str) -> str:
    here = Version(shown)
    clean = [Version(version) for version, found in by_version.items() if not found and Version(version) > here]
    final = [version for version in clean if not version.is_prerelease]
    return str(min(final or clean, default=""))
