"""Advisories on libraries: which library a record is on, and which of its versions are affected.

OSV has no ecosystem for "a C library, wherever it is". Records on libraries come under ConanCenter and OSS-Fuzz, under
a purl of type generic, or, made from CVEs, under a repository with its tags for versions (docs/decisions/0023).
Distributions' ecosystems do not count: their versions are their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from customhouse.formats.bundled.model import BundledLibrary
from customhouse.formats.bundled.order import compare
from customhouse.formats.bundled.sboms import parse_purl
from customhouse.formats.bundled.tables import tables
from customhouse.formats.osv.model import Affected, Record

ECOSYSTEMS = frozenset({"ConanCenter", "OSS-Fuzz", "VCPKG", "generic"})
_TAG = re.compile(r"[A-Za-z_-]*?[-_]?v?([0-9][\w.+-]*)")

Verdict = Literal["affected", "unknown", "fine"]


@dataclass(frozen=True, slots=True)
class LibraryRange:
    """Which versions of a library an advisory affects: from one on, until before another or up to and with it."""

    library: str
    """As our tables spell it."""
    introduced: str = "0"
    fixed: str = ""
    """Empty: nobody has mended it."""
    last_affected: str = ""
    versions: tuple[str, ...] = ()
    """Beside the range: affected by name."""
    ranged: bool = True
    """Whether there is a range at all, or only the names."""

    @property
    def words(self) -> str:
        """For people."""
        if not self.ranged:
            return f"{len(self.versions)} versions by name"
        begin = "all" if self.introduced == "0" else f"from {self.introduced}"
        if self.fixed:
            return f"{begin} before {self.fixed}"
        return f"{begin} up to and with {self.last_affected}" if self.last_affected else begin

    def holds(self, version: str) -> bool:
        """Whether it affects exactly this version."""
        if any(compare(version, each) == 0 for each in self.versions):
            return True
        if not self.ranged or (self.introduced != "0" and compare(version, self.introduced) < 0):
            return False
        if self.fixed:
            return compare(version, self.fixed) < 0
        return not self.last_affected or compare(version, self.last_affected) <= 0


def library_name(text: str) -> str:
    """How our tables call a library that somebody names: ``WebP`` is libwebp. What they do not know stays as it is."""
    known = tables()
    stem = known.of_file(text)
    return known.of_name(text) or (stem.name if stem is not None else text.strip())


def library_ranges(record: Record) -> tuple[LibraryRange, ...]:
    """What a record says of libraries; nothing if it was withdrawn."""
    if record.withdrawn is not None:
        return ()
    return tuple(one for affected in record.affected for one in _ranges(affected))


def _ranges(affected: Affected) -> Iterator[LibraryRange]:
    names = set(_names(affected))
    listed = tuple(_TAG.sub(r"\1", one, count=1) for one in affected.versions)
    for name in sorted(names):
        spans = [span for one in affected.ranges if one.kind != "GIT" for span in _spans(one.events)]
        for introduced, fixed, last in spans:
            yield LibraryRange(name, introduced, fixed, last, listed)
        if not spans and listed:
            yield LibraryRange(name, versions=listed, ranged=False)


def _names(affected: Affected) -> Iterator[str]:
    if affected.ecosystem in ECOSYSTEMS:
        yield library_name(affected.package)
    purl = parse_purl(affected.purl) if affected.purl else None
    if purl is not None and purl.kind in ("generic", "conan"):
        yield library_name(purl.name)
    if not affected.ecosystem and affected.versions:
        for one in affected.ranges:
            repository = one.repo.rstrip("/").rpartition("/")[2].removesuffix(".git")
            if repository and (name := tables().of_name(repository)) is not None:
                yield name


def _spans(events: Iterable[object]) -> Iterator[tuple[str, str, str]]:
    """From and until of each affected stretch, in the order of the events."""
    begin: str | None = None
    for event in events:
        kind, version = getattr(event, "kind", ""), getattr(event, "version", "")
        if kind == "introduced":
            if begin is not None:
                yield begin, "", ""
            begin = version
        elif begin is not None and kind in ("fixed", "last_affected"):
            yield (begin, version, "") if kind == "fixed" else (begin, "", version)
            begin = None
    if begin is not None:
        yield begin, "", ""


def verdict_on(library: BundledLibrary, ranges: Iterable[LibraryRange]) -> Verdict:
    """What an advisory means for a bundled library.

    Affected if any version that some evidence says is; unknown if nothing says which version it is, or too little.
    """
    mine = [one for one in ranges if one.library.lower() == library.name.lower()]
    if not mine:
        return "fine"
    if library.version is None:
        return "unknown"
    if any(one.holds(version) for one in mine for version in library.versions):
        return "unknown" if library.partial and _inside(library.version, mine) else "affected"
    return "unknown" if library.partial and _inside(library.version, mine) else "fine"


def _inside(version: str, ranges: Iterable[LibraryRange]) -> bool:
    """Whether some edge lies within what a version may be of which only the beginning is known."""
    edges = [edge for one in ranges for edge in (one.introduced, one.fixed, one.last_affected, *one.versions) if edge]
    return any(edge == version or edge.startswith(f"{version}.") for edge in edges)
