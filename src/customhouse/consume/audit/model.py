"""What an audit looks at, and what it finds: frozen values that readers fill, the engine joins and writers print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from customhouse.formats.osv.merging import Same
from customhouse.formats.osv.severity import Score

PRODUCTION = "production"
"""The group of what is installed by default. Other groups carry the name that the file gives them."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One requirement of one component: ``A 1.4 requires B<2``."""

    requires: str
    """The normalised name."""
    specifier: str = ""
    """As of PEP 440, for example ``<2,>=1.1``; empty if any version does, or if the file does not say."""
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """One package at one version, and how it came to be there."""

    name: str
    """Normalised."""
    version: str
    """As it stands there; may be no version of PEP 440."""
    where: str
    """The file and the line or member, for people."""
    groups: frozenset[str] = frozenset({PRODUCTION})
    direct: bool = False
    """Whether the user asked for it himself, as far as the input says."""
    requires: tuple[Edge, ...] = ()
    hashes: frozenset[str] = frozenset()
    """``sha256:…``, as far as the input has them."""
    index: str = ""
    """The simple repository it comes from, if the input says."""
    files: tuple[str, ...] = ()
    """Paths of libraries that it brings, as far as the input shows them (environments, wheels)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be checked. An audit with gaps exits 3: silence is never "no vulnerabilities"."""

    where: str
    why: str
    next_step: str = ""


SubjectKind = Literal[
    "environment", "requirements", "pylock", "uv-lock", "poetry-lock", "pipfile-lock", "pyproject",
    "wheel", "sdist", "folder", "cyclonedx", "spdx", "container", "interpreter", "index",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """What is audited: its components, and what of it could not be read."""

    title: str
    kind: SubjectKind
    components: tuple[Component, ...] = ()
    gaps: tuple[Gap, ...] = ()
    interpreter: str = ""
    """The version of CPython, where the input tells it: the PSF's advisories are for it."""
    libraries: tuple[Library, ...] = ()


@dataclass(frozen=True, slots=True)
class Library:
    """A library that is no Python package, bundled in one: libwebp in Pillow."""

    name: str
    version: str | None
    """None is "unknown", which is listed as such and is no answer that nothing is wrong."""
    bundled_by: str
    """The normalised name of the package."""
    where: str
    evidence: str
    purl: str = ""


@dataclass(frozen=True, slots=True)
class Mitigation:
    """Why a finding counts no more although the version is affected: a VEX statement that holds."""

    statement: str
    """Its id."""
    status: str
    """not_affected | fixed | under_investigation | affected, as OpenVEX has them."""
    justification: str
    reason: str
    owner: str
    expires: date | None


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why the fix cannot be installed: an upper bound of somebody else excludes it."""

    by: str
    """The normalised name of who excludes it."""
    by_version: str
    requirement: str
    """``B<2``, as written."""
    speculative: bool | None
    """Whether the bound excludes versions that did not exist when it was written; None if nobody knows."""
    remedies: tuple[str, ...] = ()
    """In the order in which to try them, each a sentence with the command."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One vulnerability of one component."""

    component: Component
    same: Same
    score: Score
    fixes: tuple[str, ...] = ()
    """The versions that mend it, the lowest first."""
    upgrade: str | None = None
    """The smallest version above the present one that mends everything that is known of this component."""
    paths: tuple[tuple[str, ...], ...] = ()
    """Who brought it in: names from what the user asked for down to this component, the shortest first."""
    exploited: bool = False
    """It is in CISA's catalogue of known exploited vulnerabilities (KEV)."""
    likelihood: float | None = None
    """EPSS: the probability of exploitation within 30 days, 0 to 1."""
    library: Library | None = None
    """Set if not the package itself is affected but a library that it bundles."""
    mitigation: Mitigation | None = None
    blocked: Blocked | None = None
    known: bool = False
    """It stands in the baseline."""


@dataclass(frozen=True, slots=True)
class Status:
    """A component whose project the index advises against (PEP 792), or whose release is yanked (PEP 592)."""

    component: Component
    status: str
    """archived | deprecated | quarantined | yanked"""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that an audit has to say."""

    subjects: tuple[Subject, ...]
    findings: tuple[Finding, ...] = ()
    statuses: tuple[Status, ...] = ()
    gaps: tuple[Gap, ...] = ()
    advisories: int = 0
    """How many records were asked."""
    snapshot: str = ""
    """Which state of the advisories: the time of its newest record."""
    seconds: Mapping[str, float] = field(default_factory=dict)
