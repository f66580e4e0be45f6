"""Who built a file, and whether that is as it was: by what is attested of it and of what was released before (PEP 740).

Provenance proves the builder and not the intent. What tells of a taken-over project is that its provenance ends, or
comes from somewhere else. Releases are compared in the order in which they were uploaded, whatever their versions say:
a fix for an older line and a pre-release stand where they came. The releases that an alarm is about measure nothing, or
whoever uploads twice would be measured by himself; after `SETTLED` what has stood is how the project works now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Publisher
from customhouse.formats.simple import SimpleFile
from customhouse.views.facts.subject import Answer, Kind, Listed, Subject, Unknown, kind_of

SETTLED = timedelta(days=90)
NO_ORDER = Unknown("its upstream publishes no upload times, so nobody knows which release came before")
UNSEEN = Unknown("there are attestations, and nobody has looked at them yet")
NOTHING_BEFORE = "nothing was released before it"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in a file's attestations."""

    publishers: frozenset[tuple[str, str]]
    """Kind and place of each."""
    verified: bool
    at: datetime | None = None
    failed: bool = False
    """Whether none of them holds: then nothing is attested, whatever upstream lists."""


@dataclass(frozen=True)
class Before:
    """What one release is measured by, for one kind of file."""

    attested: str | None = None
    """The release that was attested last and is to be measured by; None if there is none."""
    any: bool = False
    """Whether there was any release before."""
    usual: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The publishers that the project is known by, each with the last release that it has attested."""
    unseen: bool = False
    """Whether a release before has attestations into which nobody has looked."""


class Provenance:
    """The provenance of one project's files; ``seen`` by file name, those of them into which somebody has looked."""

    def __init__(self, subject: Subject, seen: Mapping[str, Seen]) -> None:
        self._subject = subject
        self._seen = seen
        self._measures: dict[Kind, Mapping[str, Before]] = {}

    def attested(self, file: SimpleFile) -> Answer:
        """Who has built it; None if nothing is attested of it, which its origin would list."""
        seen = self._seen.get(file.filename)
        if seen is not None and seen.publishers:
            kind, place = min(seen.publishers)
            source = f"attestations, {'verified' if seen.verified else 'not verified'} here"
            return Fact(Publisher(kind, place, seen.verified), source, seen.at)
        if seen is not None and seen.failed:
            return Fact(None, "attestations, which do not hold", seen.at)
        if not self._is_attested(file):
            return self._subject.fact(None)
        return self._subject.fact(Publisher(kind=""))

    def provenance_lost(self, file: SimpleFile) -> Answer:
        """Whether nothing is attested of this file, where files of its kind were before."""
        if self._is_attested(file):
            return self._subject.fact(value=False)
        if beside := self._attested_beside(file):
            return self._said(f"{beside} of the same release is attested", value=True)
        kind = kind_of(file.filename)
        if kind not in self._kinds_attested:
            return self._said(f"no {kind} of the project is attested")
        before = self._before(file)
        if before is None:
            return NO_ORDER
        if before.attested is None:
            return self._subject.fact(value=False) if before.any else self._said(NOTHING_BEFORE)
        return self._said(f"{before.attested} was attested", value=True)

    def publisher_changed(self, file: SimpleFile) -> Answer:
        """Whether it was built by somebody else than what was released before."""
        seen = self._seen.get(file.filename)
        if not self._is_attested(file):
            # What is not attested has no publisher; `provenance-lost` is for that.
            return self._said("nothing is attested of it")
        if seen is None or not seen.publishers:
            return UNSEEN
        before = self._before(file)
        if before is None:
            return NO_ORDER
        if not before.usual:
            return UNSEEN if before.unseen else self._said(f"{NOTHING_BEFORE} that is attested")
        if seen.publishers & before.usual.keys():
            return self._subject.fact(value=False)
        release = max(before.usual.values(), key=self._subject.began.__getitem__)
        return self._said(f"{release} came from {_words(before.usual)}", value=True)

    def _said(self, compared: str, *, value: bool = False) -> Fact:
        return Fact(value, f"{self._subject.speaker}: {compared}")

    def _is_attested(self, file: SimpleFile) -> bool:
        seen = self._seen.get(file.filename)
        if seen is not None and seen.failed:
            return False
        mirrored = self._subject.files.get(file.filename)
        if mirrored is not None:
            return bool(mirrored.provenance_url)
        return file.provenance is not None or seen is not None

    def _attested_beside(self, file: SimpleFile) -> str:
        """A file of the same kind and release that was there before and is attested; empty if there is none."""
        files = self._subject.of_version.get(file.version, ())
        mine = next((one for one in files if one.filename == file.filename), None)
        if mine is None or mine.uploaded_at is None:
            return ""
        earlier = (one for one in files if one.uploaded_at is not None and one.uploaded_at <= mine.uploaded_at)
        return next((one.filename for one in earlier if one.kind == mine.kind and self._holds(one)), "")

    def _before(self, file: SimpleFile) -> Before | None:
        kind = kind_of(file.filename)
        if kind not in self._measures:
            self._measures[kind] = self._walk(kind)
        return self._measures[kind].get(file.version)

    @cached_property
    def _kinds_attested(self) -> frozenset[Kind]:
        return frozenset(one.kind for one in self._subject.listed if self._holds(one))

    def _walk(self, kind: Kind) -> Mapping[str, Before]:
        """What each release is measured by, in the order of uploads; none if some release has no place in it."""
        subject = self._subject
        if len(subject.began) < len(subject.of_version):
            return {}
        found: dict[str, Before] = {}
        attested: str | None = None
        lost_since: datetime | None = None
        # Of each publisher when it came first; the very first ones are believed from the beginning.
        first: dict[tuple[str, str], datetime] = {}
        founders: frozenset[tuple[str, str]] = frozenset()
        latest: dict[tuple[str, str], str] = {}
        any_before = unseen = False
        for version, began in sorted(subject.began.items(), key=lambda one: (one[1], one[0])):
            if lost_since is not None and began - lost_since >= SETTLED:
                attested, lost_since = None, None
            usual = {
                one: release for one, release in latest.items() if one in founders or began - first[one] >= SETTLED
            }
            found[version] = Before(attested, any_before, usual, unseen)
            files = [one for one in subject.of_version[version] if one.kind == kind]
            if not files:
                continue
            any_before = True
            if any(self._holds(one) for one in files):
                attested, lost_since = version, None
            elif attested is not None and lost_since is None:
                lost_since = began
            publishers = frozenset(who for one in files for who in self._publishers(one))
            unseen = unseen or any(self._holds(one) and not self._publishers(one) for one in files)
            # As long as nobody has looked into what came before, the first that we know may be the intruder.
            founders = founders or (frozenset() if unseen else publishers)
            for who in publishers:
                first.setdefault(who, began)
                latest[who] = version
        return found

    def _holds(self, one: Listed) -> bool:
        """Whether there are attestations of a file that are not known to be false."""
        seen = self._seen.get(one.filename)
        return one.attested and not (seen is not None and seen.failed)

    def _publishers(self, one: Listed) -> frozenset[tuple[str, str]]:
        seen = self._seen.get(one.filename)
        return seen.publishers if seen is not None else frozenset()


def _words(publishers: Mapping[tuple[str, str], str]) -> str:
    return ", ".join(" ".join(filter(None, who)) for who in sorted(publishers)[:3])


def publisher_of(said: Mapping[str, object]) -> tuple[str, str]:
    """Kind and place of a publisher as PEP 740 spells it: a repository, or what corresponds to it."""
    place = next(
        (value for key in ("repository", "email", "place", "organization") if isinstance(value := said.get(key), str)),
        "",
    )
    return str(said.get("kind", ""))[:60], place[:300]
