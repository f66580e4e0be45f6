"""Which libraries a wheel bundles, and what tells us: plain values, because they cross a process border.

"Bundled" is whatever is no Python package and yet comes with one: libwebp in Pillow. Nothing here is certain without
its evidence, so each answer carries it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

TABLES_VERSION = 1
"""Rises when the tables or the rules change: files that were scanned with an older one are scanned again."""
MAX_LIBRARIES = 1000
MAX_EVIDENCE = 12
MAX_NOTES = 50

EvidenceKind = Literal[
    "sbom", "sbom-distribution", "package-note", "string", "resource", "path", "soname", "soname-table",
    "soname-major", "sibling", "name",
]  # fmt: skip
# How far each kind is trusted, the first the most (specs/audit.md, section 5). A distribution's version is what its
# package says, a string what the code says of itself, a suffix what the build system was told.
TRUST: tuple[EvidenceKind, ...] = (
    "sbom", "sbom-distribution", "package-note", "string", "resource", "path", "soname", "soname-table",
    "soname-major", "sibling", "name",
)  # fmt: skip

_OF_DISTRIBUTIONS = frozenset({"sbom-distribution", "package-note"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that names a library or tells its version."""

    kind: EvidenceKind
    version: str | None
    """What it says the version is; None if it only names the library."""
    where: str
    """The member, and what of it."""
    text: str
    """The very words, at most 200 characters."""


@dataclass(frozen=True, slots=True)
class BundledLibrary:
    """One library in one file of a wheel."""

    name: str
    """As the tables spell it; ``cargo:NAME`` and the like for what another language's registry names."""
    version: str | None
    """None is "unknown": it is listed, and is no answer that nothing is wrong."""
    file: str
    """The member in which it lies; the SBOM's if nothing but that names it."""
    evidence: tuple[Evidence, ...]
    """The most trusted first."""
    purl: str = ""
    """A distribution's package where one is known (``pkg:rpm/…``), else ``pkg:generic/…``; empty without a version."""
    cpe: str = ""
    """``vendor:product`` as NVD has them, if the tables know."""

    @property
    def conflicting(self) -> tuple[str, ...]:
        """Versions that other evidence says and that cannot be this one. Who asks for any of them finds the file."""
        if self.version is None:
            return ()
        others = {each.version for each in self.evidence if each.version and not agree(each.version, self.version)}
        return tuple(sorted(others))

    @property
    def versions(self) -> tuple[str, ...]:
        """Every version that some evidence says, the one that we believe first."""
        return () if self.version is None else (self.version, *self.conflicting)

    @property
    def partial(self) -> bool:
        """Whether only the beginning of the version is known: "17" of libpq, which may be any 17.x."""
        told = [each.kind for each in self.evidence if each.version == self.version]
        return self.version is not None and bool(told) and all(kind == "soname-major" for kind in told)

    @property
    def distribution(self) -> str:
        """The distribution that built it, which may have mended what its version number does not show; or empty."""
        kind, _, rest = self.purl.removeprefix("pkg:").partition("/")
        if kind in ("rpm", "deb", "apk") and "/" in rest.partition("@")[0]:
            return rest.partition("/")[0]
        return "its distribution" if any(each.kind in _OF_DISTRIBUTIONS for each in self.evidence) else ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "version": self.version,
            "file": self.file,
            "evidence": [[each.kind, each.version, each.where, each.text] for each in self.evidence],
            "purl": self.purl,
            "cpe": self.cpe,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BundledLibrary:
        """The inverse of `to_dict`."""
        evidence = tuple(Evidence(*each) for each in values["evidence"])
        return cls(values["name"], values["version"], values["file"], evidence, values["purl"], values["cpe"])


@dataclass(frozen=True, slots=True)
class BundledScan:
    """What one wheel bundles."""

    libraries: tuple[BundledLibrary, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be read, with the place. Never the reason to refuse a file."""
    tables_version: int = TABLES_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "libraries": [library.to_dict() for library in self.libraries],
            "notes": list(self.notes),
            "tables_version": self.tables_version,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BundledScan:
        """The inverse of `to_dict`."""
        return cls(
            tuple(BundledLibrary.from_dict(each) for each in values["libraries"]),
            tuple(values["notes"]),
            values["tables_version"],
        )


def agree(one: str, other: str) -> bool:
    """Whether two spellings may mean one version: ``17`` and ``17.4``, ``1.1.1k`` and ``1.1.1k``."""
    short, long = sorted((one, other), key=len)
    return long == short or long.startswith((f"{short}.", f"{short}-", f"{short}+"))
