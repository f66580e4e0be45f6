"""What an audit looks at, in frozen values: packages at versions, who asked for them, and what could not be read.

The readers of lock files, requirements and bills of materials fill them; the command line audits them on the spot, and
an index audits them again when an advisory changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

PRODUCTION = "production"
"""The group of what is installed by default. Other groups carry the name that the file gives them."""


class Edge(NamedTuple):
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


class Gap(NamedTuple):
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


class Library(NamedTuple):
    """A library that is no Python package, bundled in one: libwebp in Pillow."""

    name: str
    version: str | None
    """None is "unknown", which is listed as such and is no answer that nothing is wrong."""
    bundled_by: str
    """The normalised name of the package."""
    where: str
    evidence: str
    purl: str = ""
    conflicting: tuple[str, ...] = ()
    """Other versions that it may be as well: the evidence contradicts itself."""

    @property
    def version_in_words(self) -> str:
        """``1.3.1``, or ``1.3.1 or 1.3.2`` where the evidence contradicts itself, or that nobody knows."""
        return " or ".join((self.version, *self.conflicting)) if self.version else "of unknown version"
