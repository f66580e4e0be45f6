"""An advisory in frozen values, as the Open Source Vulnerability format has it (ossf.github.io/osv-schema, 1.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

PYPI = "PyPI"

EventKind = Literal["introduced", "fixed", "last_affected", "limit"]
RangeKind = Literal["ECOSYSTEM", "SEMVER", "GIT"]


class Event(NamedTuple):
    """One edge of a range: from here on affected (introduced), or not any more."""

    kind: EventKind
    version: str
    """As it stands in the record; ``0`` is before all versions."""


class Range(NamedTuple):
    """Which versions, or commits, are affected: what follows from its events in their order."""

    kind: RangeKind
    events: tuple[Event, ...]
    repo: str = ""
    """Of a GIT range."""

    @property
    def of_versions(self) -> bool:
        """Whether it bounds versions. One of type SEMVER does too: what it says of a package of PyPI is not lost."""
        return self.kind != "GIT"


@dataclass(frozen=True, slots=True)
class Severity:
    """A score as its issuer wrote it: a CVSS vector, or Ubuntu's word."""

    kind: str
    """CVSS_V2 | CVSS_V3 | CVSS_V4 | Ubuntu"""
    score: str


@dataclass(frozen=True, slots=True)
class Affected:
    """One package, and which of its versions are affected: those listed, and those inside a range."""

    ecosystem: str
    """Empty if the record names no package, as PSF's, which name a repository only."""
    package: str
    """As it stands in the record."""
    name: str
    """To compare: normalised as PEP 503 says if the ecosystem is PyPI's, else the same."""
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    severity: tuple[Severity, ...] = ()
    purl: str = ""
    ecosystem_specific: Mapping[str, Any] = field(default_factory=dict)
    database_specific: Mapping[str, Any] = field(default_factory=dict)


class Reference(NamedTuple):
    """Where more is to be read."""

    kind: str
    """ADVISORY | ARTICLE | DETECTION | DISCUSSION | REPORT | FIX | INTRODUCED | GIT | PACKAGE | EVIDENCE | WEB"""
    url: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Who has helped, and how."""

    name: str
    contact: tuple[str, ...] = ()
    kind: str = ""
    """FINDER | REPORTER | … | OTHER; empty if the record does not say."""


@dataclass(frozen=True, slots=True)
class Record:
    """One advisory."""

    id: str
    modified: datetime
    published: datetime | None = None
    withdrawn: datetime | None = None
    """Since when it counts no more. A withdrawn record stays and matches nothing."""
    aliases: tuple[str, ...] = ()
    """Other names of the same vulnerability: symmetric and transitive."""
    upstream: tuple[str, ...] = ()
    """Vulnerabilities of what this package contains, CVE-2023-4863 for a package that bundles libwebp: no aliases."""
    related: tuple[str, ...] = ()
    summary: str = ""
    details: str = ""
    severity: tuple[Severity, ...] = ()
    affected: tuple[Affected, ...] = ()
    references: tuple[Reference, ...] = ()
    credits: tuple[Credit, ...] = ()
    schema_version: str = "1.0.0"
    """The schema says that a record without one is of 1.0.0."""
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The record as plain JSON values, unknown members included: it is what we hand on, times as of `write_time`."""

    def packages(self, ecosystem: str = PYPI) -> tuple[str, ...]:
        """The names of the affected packages, to compare, each once and in the record's order."""
        return tuple(dict.fromkeys(one.name for one in self.affected if one.ecosystem == ecosystem))

    def of(self, name: str, ecosystem: str = PYPI) -> tuple[Affected, ...]:
        """What the record says of one package; ``name`` is normalised. There may be several entries."""
        return tuple(one for one in self.affected if one.ecosystem == ecosystem and one.name == name)
