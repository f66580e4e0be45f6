"""What is known to be wrong with a version: advisories, malware, fixes, and what its owner and upstream say of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from packaging.version import Version

from customhouse.advisories.known import Advice, OfPackage
from customhouse.formats.osv.matching import fixed_versions, read_version
from customhouse.formats.osv.merging import Same, merge
from customhouse.formats.osv.severity import MALWARE, Level
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Fix, Vulnerability
from customhouse.formats.simple import SimpleFile
from customhouse.views.facts.subject import CVE, Answer, Subject, Unknown, is_exploited, word_of

ADVISORIES = "advisories"
NO_ADVISORIES = Unknown("no advisories were ever imported here")


@dataclass(frozen=True)
class Wrong:
    """What is known of one package, and of exploitation."""

    package: OfPackage
    dated: datetime | None
    """When advisories were last read to their end; None: there are none here."""
    exploited: frozenset[str] | None = frozenset()
    """CVE ids in CISA's catalogue; None: it is not here."""
    likelihoods: Mapping[str, float] = field(default_factory=dict)
    """EPSS by CVE id."""
    own_word: frozenset[str] = frozenset()
    """Ids of records for which nobody but the project itself stands, as far as we know."""


class Said:
    """What its owner and its origin say of a file."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def yanked(self, file: SimpleFile) -> Answer:
        """Whether its owner has yanked it."""
        return self._subject.fact(file.yanked)

    def removed(self, file: SimpleFile) -> Answer:
        """Whether upstream no longer lists it."""
        whole, one = self._subject.mirrored, self._subject.files.get(file.filename)
        moments = [found.removed_at for found in (whole, one) if found is not None and found.removed_at is not None]
        past = [moment for moment in moments if self._subject.is_past(moment)]
        return self._subject.fact(bool(past), min(past, default=None))

    def status(self, _file: SimpleFile) -> Answer:
        """The project's status (PEP 792)."""
        mirrored = self._subject.mirrored
        return self._subject.fact(self._subject.page.status if mirrored is None else mirrored.status)


@dataclass(frozen=True)
class Weighed:
    """One vulnerability of a package, whatever version is asked for."""

    advice: tuple[Advice, ...]
    names: frozenset[str]
    told: Vulnerability
    """Without the versions in which it is mended."""
    fixed: tuple[tuple[Version, str], ...]
    """Those, the lowest first."""


class Safety:
    """What is wrong with the versions of one project.

    Each version is looked at once, however many files it has, and each set of records is weighed once, however many
    versions have it.
    """

    def __init__(self, subject: Subject, wrong: Wrong) -> None:
        self._subject = subject
        self._wrong = wrong
        self._of_version: dict[str, list[Advice]] = {}
        self._weighed: dict[tuple[str, ...], tuple[Weighed, ...]] = {}
        self._found: dict[str, Answer] = {}
        self._fixes: dict[str, Answer] = {}

    def vulnerabilities(self, file: SimpleFile) -> Answer:
        """The known vulnerabilities of the file's version, the worst first. Malware is not among them."""
        found = self._found.get(file.version)
        if found is None:
            found = self._found[file.version] = self._vulnerabilities(file.version)
        return found

    def malware(self, file: SimpleFile) -> Answer:
        """Whether a record says that the version is malware: from a source, or by a verdict of our own."""
        ids = [one.id for one in self._advice(file.version) if one.id.startswith(MALWARE)]
        if not ids and self._wrong.dated is None:
            return NO_ADVISORIES
        return Fact(bool(ids), ", ".join(sorted(ids)[:3]) or ADVISORIES, self._wrong.dated)

    def fixes(self, file: SimpleFile) -> Answer:
        """Vulnerabilities of the release below that this one mends, by the word of a record."""
        if self._wrong.dated is None:
            return NO_ADVISORIES
        found = self._fixes.get(file.version)
        if found is None:
            mended = tuple(self._mended(file.version))
            found = self._fixes[file.version] = Fact(mended, ADVISORIES, self._wrong.dated)
        return found

    def _vulnerabilities(self, version: str) -> Answer:
        mine = read_version(version)
        found = tuple(
            replace(one.told, fixed_in=tuple(text for fix, text in one.fixed if mine is None or fix > mine))
            for one in self._affecting(version)
        )
        if not found and self._wrong.dated is None:
            return NO_ADVISORIES
        return Fact(found, ADVISORIES, self._wrong.dated)

    def _affecting(self, version: str) -> tuple[Weighed, ...]:
        """The vulnerabilities of a version, records of the same one together, the worst first."""
        advice = [one for one in self._advice(version) if not one.id.startswith(MALWARE)]
        key = tuple(one.id for one in advice)
        found = self._weighed.get(key)
        if found is None:
            by_id = {one.id: one for one in advice}
            every = (self._weigh(same, by_id) for same in merge(one.record for one in advice))
            worst_first = sorted(every, key=lambda one: (-Level[one.told.severity.upper()], one.told.id))
            found = self._weighed[key] = tuple(worst_first)
        return found

    def _advice(self, version: str) -> list[Advice]:
        found = self._of_version.get(version)
        if found is None:
            every = self._wrong.package.affecting(version)
            found = [one for one in every if self._subject.is_past(one.record.published)]
            self._of_version[version] = found
        return found

    def _weigh(self, same: Same, by_id: Mapping[str, Advice]) -> Weighed:
        advice = tuple(by_id[one.id] for one in same.records)
        scores = [one.score for one in advice if one.score is not None]
        cves = [name for name in same.names if name.startswith(CVE)]
        fixed = {fix for one in same.records for fix in fixed_versions(one, self._subject.name)}
        likelihoods = [self._wrong.likelihoods[cve] for cve in cves if cve in self._wrong.likelihoods]
        told = Vulnerability(
            id=same.first.id,
            aliases=tuple(name for name in same.names if name != same.first.id),
            severity=word_of(max(one.level for one in advice)),
            score=max(scores, default=None),
            exploited=is_exploited(cves, self._wrong.exploited),
            likelihood=max(likelihoods, default=None),
        )
        in_order = sorted((parsed, text) for text in fixed if (parsed := read_version(text)) is not None)
        return Weighed(advice, frozenset(same.names), told, tuple(in_order))

    def _mended(self, version: str) -> Iterable[Fix]:
        """A version mends what the release right below it has, if a record says that it is fixed above that release.

        Below in the order of versions (PEP 440), among those that were there before it: then a release that comes long
        after the fix mends nothing, and a fix for an older line does. That a version is merely not listed as affected
        mends nothing either: whoever wrote the list may not have known of it.
        """
        parsed, below = read_version(version), self._below(version)
        before = read_version(below) if below is not None else None
        if parsed is None or below is None or before is None:
            return
        here = self._affecting(version)
        for one in self._affecting(below):
            if any(not one.names.isdisjoint(still.names) for still in here):
                continue
            if any(before < fix <= parsed for fix, _ in one.fixed):
                yield self._fix(one, before, parsed)

    def _fix(self, one: Weighed, before: Version, parsed: Version) -> Fix:
        naming = [
            each
            for each in one.advice
            if any(before < Version(fix) <= parsed for fix in fixed_versions(each.record, self._subject.name))
        ]
        trusted = [each for each in naming if each.id not in self._wrong.own_word]
        published = min(each.record.published or each.record.modified for each in trusted or naming)
        return Fix(one.told.id, one.told.severity, published, third_party=bool(trusted))

    def _below(self, version: str) -> str | None:
        """The highest release below a version that was there before it; of a final one, among final ones."""
        parsed, mine = read_version(version), self._subject.began.get(version)
        if parsed is None:
            return None
        at = bisect_left(self._in_order, (parsed, ""))
        for one, text in reversed(self._in_order[:at]):
            if (parsed.is_prerelease or not one.is_prerelease) and self._came_before(text, mine):
                return text
        return None

    @cached_property
    def _in_order(self) -> list[tuple[Version, str]]:
        return sorted((one, text) for text, one in self._subject.parsed.items())

    def _came_before(self, version: str, moment: datetime | None) -> bool:
        began = self._subject.began.get(version)
        return began is None or moment is None or began <= moment
