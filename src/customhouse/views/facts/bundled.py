"""Known vulnerabilities of the libraries that a wheel bundles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from customhouse.formats.bundled.advisories import verdict_on
from customhouse.formats.bundled.model import BundledLibrary
from customhouse.formats.osv.merging import Same, merge
from customhouse.formats.osv.severity import Level
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Vulnerability
from customhouse.formats.simple import SimpleFile
from customhouse.views.facts.known_libraries import LibraryAdvice
from customhouse.views.facts.subject import CVE, Answer, Unknown, is_exploited, kind_of, word_of

NOT_SCANNED = Unknown("nobody has looked into the wheel for libraries yet")
SDIST = Unknown("only wheels are looked into for libraries")


@dataclass(frozen=True)
class Held:
    """What a project's files bundle, and what is known of that."""

    libraries: Mapping[str, Sequence[BundledLibrary]] = field(default_factory=dict)
    """By the names of the files into which somebody has looked."""
    advice: Mapping[str, Sequence[LibraryAdvice]] = field(default_factory=dict)
    """By library, in lower case."""
    dated: datetime | None = None
    """When advisories were last read to their end; None: there are none here."""
    exploited: frozenset[str] | None = frozenset()
    likelihoods: Mapping[str, float] = field(default_factory=dict)


class Bundled:
    """The libraries inside of one project's files."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def vulnerabilities(self, file: SimpleFile) -> Answer:
        """Those of libraries whose version is known to be affected, the worst first.

        A library of which nobody knows the version has none: that nothing is known of it is no finding.
        """
        libraries = self._held.libraries.get(file.filename)
        if libraries is None:
            return SDIST if kind_of(file.filename) == "sdist" else NOT_SCANNED
        found = {(one.library, one.id): one for library in libraries for one in self._of(library)}
        if not found and self._held.dated is None:
            return Unknown("no advisories were ever imported here")
        worst_first = sorted(found.values(), key=lambda one: (-Level[one.severity.upper()], one.library, one.id))
        return Fact(tuple(worst_first), "advisories and what the wheel holds", self._held.dated)

    def _of(self, library: BundledLibrary) -> list[Vulnerability]:
        advice = self._held.advice.get(library.name.lower(), ())
        affecting = {one.record.id: one for one in advice if verdict_on(library, one.ranges) == "affected"}
        return [
            self._vulnerability(same, library, affecting) for same in merge(one.record for one in affecting.values())
        ]

    def _vulnerability(
        self, same: Same, library: BundledLibrary, affecting: Mapping[str, LibraryAdvice]
    ) -> Vulnerability:
        advice = [affecting[one.id] for one in same.records]
        cves = [name for name in same.names if name.startswith(CVE)]
        scores = [one.score for one in advice if one.score is not None]
        likelihoods = [self._held.likelihoods[cve] for cve in cves if cve in self._held.likelihoods]
        mine = [place for one in advice for place in one.ranges if place.library.lower() == library.name.lower()]
        return Vulnerability(
            id=same.first.id,
            aliases=tuple(name for name in same.names if name != same.first.id),
            severity=word_of(max(one.level for one in advice)),
            score=max(scores, default=None),
            exploited=is_exploited(cves, self._held.exploited),
            likelihood=max(likelihoods, default=None),
            fixed_in=tuple(sorted({place.fixed for place in mine if place.fixed})),
            library=library.name if library.version is None else f"{library.name} {library.version}",
        )
