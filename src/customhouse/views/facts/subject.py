"""What facts are about: one project as a view would offer it, with everything that its origin has ever listed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

from packaging.version import Version

from customhouse.advisories.known import Known
from customhouse.catalog.model import File, Project
from customhouse.formats.osv.severity import Level
from customhouse.formats.policy.model import Fact
from customhouse.formats.simple import SimpleFile, SimplePage
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.terms.versions import version_of
from customhouse.views.facts.known_libraries import KnownLibraries
from customhouse.views.facts.known_names import KnownNames
from customhouse.views.model import HOSTED

Kind = Literal["wheel", "sdist"]
CVE = "CVE-"
HERE = "this index"
"""Who speaks of what we host ourselves."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no answer, and why, in words that follow "unknown: "."""

    why: str


Answer = Fact | Unknown


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What facts are looked up in besides the database: one value for each process."""

    advice: Known
    internal_names: tuple[str, ...] = ()
    """Patterns of names, as of the settings."""
    names: KnownNames = field(default_factory=KnownNames)
    libraries: KnownLibraries = field(default_factory=KnownLibraries)


@dataclass(frozen=True, slots=True)
class Listed:
    """One file that the project's origin lists, or has listed."""

    filename: str
    version: str
    kind: Kind
    uploaded_at: datetime | None
    attested: bool
    """Whether there are attestations of it."""
    removed_at: datetime | None = None


@dataclass(frozen=True)
class Subject:
    """One project of one origin at one moment."""

    page: SimplePage
    origin: str
    now: datetime
    mirrored: MirroredProject | None = None
    hosted: Project | None = None
    rows: Mapping[str, File] = field(default_factory=dict)
    """Of a hosted project, every file by its name, deleted ones too."""
    attested: frozenset[int] = frozenset()
    """Ids of those of which there are attestations."""
    as_of: datetime | None = None
    """If somebody asks what would have been so at an earlier moment."""

    @property
    def name(self) -> str:
        """The normalised name."""
        return self.page.name

    @property
    def speaker(self) -> str:
        """Who says what the page says."""
        return HERE if self.origin == HOSTED else self.origin

    @cached_property
    def files(self) -> Mapping[str, MirroredFile]:
        """Of a mirrored project, every file by its name, removed ones too."""
        return {one.filename: one for one in self.mirrored.files} if self.mirrored is not None else {}

    @cached_property
    def listed(self) -> tuple[Listed, ...]:
        """Everything that the origin lists or has listed, as far as it was there by `as_of`."""
        return tuple(one for one in self._every() if self.is_past(one.uploaded_at))

    def is_past(self, moment: datetime | None) -> bool:
        """Whether something had happened by the moment of which somebody asks; what has no date had."""
        return self.as_of is None or moment is None or moment <= self.as_of

    def _every(self) -> Iterable[Listed]:
        if self.mirrored is not None:
            for one in self.mirrored.files:
                attested = bool(one.provenance_url)
                yield Listed(
                    one.filename, one.version, kind_of(one.filename), one.uploaded_at, attested, one.removed_at
                )
        elif self.rows:
            for row in self.rows.values():
                attested = row.id in self.attested
                yield Listed(
                    row.filename, row.version, kind_of(row.filename), row.uploaded_at, attested, row.deleted_at
                )
        else:
            for file in self.page.files:
                attested = file.provenance is not None
                yield Listed(file.filename, file.version, kind_of(file.filename), file.uploaded_at, attested)

    @cached_property
    def of_version(self) -> Mapping[str, tuple[Listed, ...]]:
        """What is listed of each version."""
        found: dict[str, list[Listed]] = {}
        for one in self.listed:
            found.setdefault(one.version, []).append(one)
        return {version: tuple(files) for version, files in found.items()}

    @cached_property
    def began(self) -> Mapping[str, datetime]:
        """When the first file of each version was uploaded; versions of which no file has a time are left out."""
        moments = {
            version: [one.uploaded_at for one in files if one.uploaded_at is not None]
            for version, files in self.of_version.items()
        }
        return {version: min(times) for version, times in moments.items() if times}

    @cached_property
    def parsed(self) -> Mapping[str, Version]:
        """Every listed version that is one (PEP 440)."""
        return {text: parsed for text in self.of_version if (parsed := version_of(text)) is not None}

    def fact(self, value: object, dated: datetime | None = None) -> Fact:
        """What the origin says."""
        return Fact(value, self.speaker, dated)


def kind_of(filename: str) -> Kind:
    """What a file is; everything that is no wheel is built before it is installed."""
    return "wheel" if filename.endswith(".whl") else "sdist"


def is_binary(filename: str) -> bool:
    """Whether a wheel says by its tags (PEP 425) that it is for a platform, or for a binary interface."""
    if kind_of(filename) == "sdist":
        return False
    abi, platform = filename.removesuffix(".whl").rsplit("-", 2)[-2:] if filename.count("-") >= 4 else ("", "")  # noqa: PLR2004 - PEP 427: five parts at least
    return (abi, platform) != ("none", "any")


def uploaded(file: SimpleFile, subject: Subject) -> datetime | None:
    """When a file was uploaded where it comes from. Never when we fetched it."""
    mirrored = subject.files.get(file.filename)
    return file.uploaded_at if mirrored is None else mirrored.uploaded_at


def word_of(level: Level) -> str:
    """A level as policies spell it: what is scored as none at all counts as low."""
    return Level.LOW.word if level is Level.NONE else level.word


def is_exploited(cves: Collection[str], catalogue: frozenset[str] | None) -> bool | None:
    """Whether one of these ids stands in CISA's catalogue; None if that is not here, and there is an id to look for."""
    if catalogue is None:
        return None if cves else False
    return not catalogue.isdisjoint(cves)
