"""What a release consists of: its files, what they say that they need, and the libraries that lie in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from customhouse.formats.bundled.model import BundledLibrary
from customhouse.formats.bundled.scan import Scanner
from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.inspection import Limits
from customhouse.formats.metadata import CoreMetadata, parse_stored_metadata
from customhouse.formats.sdist import inspect_sdist
from customhouse.formats.wheel import inspect_wheel
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize


@dataclass(frozen=True, slots=True)
class Needed:
    """One declared dependency."""

    name: str
    """Normalised."""
    requirement: str
    """As it is declared (PEP 508)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the release."""

    thing: Thing
    needed: tuple[Needed, ...] = ()
    bundled: tuple[BundledLibrary, ...] = ()
    is_package: bool = False
    """Whether it is a wheel or an sdist."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The whole release."""

    name: str
    version: str
    epoch: int
    """Seconds since 1970: when the commit was made, so that the same release has the same bill."""
    commit: str
    parts: tuple[Part, ...]
    licence: str = ""
    """An SPDX expression, if the files declare one."""
    summary: str = ""

    @property
    def needed(self) -> tuple[Needed, ...]:
        """What any file needs, each requirement once, by name."""
        found = {(one.name, one.requirement): one for part in self.parts for one in part.needed}
        return tuple(found[key] for key in sorted(found))

    @property
    def bundled(self) -> tuple[BundledLibrary, ...]:
        """What any file bundles, each library in each version once."""
        found = {(one.name, one.version or ""): one for part in self.parts for one in part.bundled}
        return tuple(found[key] for key in sorted(found))


def read_bill(name: str, version: str, epoch: int, commit: str, files: list[tuple[Thing, Path]]) -> Bill:
    """Read the files by the strict readers. Raises `Rejected` for a wheel or an sdist that is not sound."""
    parts, licence, summary = [], "", ""
    for thing, path in sorted(files):
        part, metadata = _part(thing, path)
        parts.append(part)
        if metadata is not None:
            licence, summary = metadata.license_expression or licence, metadata.summary or summary
    return Bill(name, version, epoch, commit, tuple(parts), licence, summary)


def _part(thing: Thing, path: Path) -> tuple[Part, CoreMetadata | None]:
    try:
        name = parse_filename(thing.name)
    except Rejected:
        return Part(thing), None
    bundled: tuple[BundledLibrary, ...] = ()
    with path.open("rb") as file:
        if isinstance(name, WheelName):
            scanner = Scanner()
            text = inspect_wheel(file, name, Limits(), scanner.follow).metadata
            bundled = scanner.result().libraries
        else:
            assert isinstance(name, SdistName)  # noqa: S101  # there is no third kind
            text = inspect_sdist(file, name, Limits()).metadata
    metadata = parse_stored_metadata(text)
    return Part(thing, tuple(_needed(metadata)), bundled, is_package=True), metadata


def _needed(metadata: CoreMetadata) -> list[Needed]:
    found = []
    for text in metadata.requires_dist:
        try:
            found.append(Needed(normalize(Requirement(text).name), text))
        except InvalidRequirement:
            continue
    return found
