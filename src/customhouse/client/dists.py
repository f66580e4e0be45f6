"""The files that are to be published: read, checked and sorted into releases before anything is sent."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from customhouse.formats.agreement import check_agreement
from customhouse.formats.examination import examine
from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.metadata import CoreMetadata
from customhouse.terms.errors import CustomhouseError, Rejected

ENDINGS = (".whl", ".tar.gz")
_BESIDE = (".attestation", ".asc")
"""What tools leave beside the files; ``dist/*`` names these too."""
BATCH_BYTES = 2**20
MOST_THREADS = 4


@dataclass(frozen=True, slots=True)
class Dist:
    """One distribution file on the disk, examined."""

    path: Path
    parsed: WheelName | SdistName
    kind: Literal["bdist_wheel", "sdist"]
    size_bytes: int
    sha256: str
    """Lower-case hexadecimal."""
    metadata: CoreMetadata
    metadata_text: str

    @property
    def filename(self) -> str:
        """The file's name without its folder."""
        return self.path.name


@dataclass(frozen=True, slots=True)
class Release:
    """The files of one project and version: what one upload session takes."""

    name: str
    """As the metadata spells it."""
    normalized: str
    version: str
    dists: tuple[Dist, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Unfit(CustomhouseError):
    """Files that no index would take: each sentence names the file, what is wrong with it and what would be right."""

    code = "unfit"

    def __init__(self, findings: Sequence[str]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(findings))


def find_files(arguments: Sequence[str]) -> list[Path]:
    """The distribution files that the arguments name: files, folders, or patterns that the shell has left alone.

    Signatures and attestations are left out: they travel with their files. Raises `Rejected`.
    """
    found: list[Path] = []
    for argument in arguments:
        place = Path(argument)
        if place.is_dir():
            inside = sorted(one for one in place.iterdir() if one.name.endswith(ENDINGS))
            if not inside:
                raise _nothing(argument, "is a folder without a wheel or an sdist")
            found += inside
            continue
        matches = [place] if place.exists() else [Path(one) for one in sorted(glob.glob(argument))]  # noqa: PTH207 - patterns with folders
        if not matches:
            raise _nothing(argument, "is not there")
        found += [one for one in matches if not one.name.endswith(_BESIDE)]
    if not found:
        raise _nothing(" ".join(arguments), "names no wheel and no sdist")
    return found


def read_releases(paths: Sequence[Path]) -> list[Release]:
    """Examine every file as an index will, and sort them into releases; raises `Unfit` with everything that is wrong.

    Reads each file twice, in batches. Files of one release must not contradict each other.
    """
    # Hashing and unpacking let other threads run.
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        read = list(threads.map(_read_or_finding, paths))
    dists = [one for one in read if isinstance(one, Dist)]
    findings = [one for one in read if isinstance(one, str)]
    findings += _twice(dists)
    releases = _sorted(dists)
    for release in releases:
        findings += _contradictions(release)
    if findings:
        raise Unfit(findings)
    return releases


def _read_or_finding(path: Path) -> Dist | str:
    """The file, or what is wrong with it."""
    try:
        return _read(path)
    except Rejected as error:
        return f"{path}: {error}"
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror or error})"


def _read(path: Path) -> Dist:
    parsed = parse_filename(path.name)
    size = path.stat().st_size
    if size == 0:
        raise Rejected("empty", "size", "the file is empty", "what your build tool writes: build it again")
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while batch := file.read(BATCH_BYTES):
            whole.update(batch)
    found = examine(path, path.name)
    if path.stat().st_size != size:
        raise Rejected("changing", "size", "the file changes while it is read", "a build that has ended")
    return Dist(path, parsed, found.kind, size, whole.hexdigest(), found.metadata, found.metadata_text)


def _twice(dists: Sequence[Dist]) -> list[str]:
    """Two files of one name cannot both be published, even if they are equal: say which one is meant."""
    known: dict[str, Dist] = {}
    findings = []
    for dist in dists:
        other = known.setdefault(dist.parsed.key, dist)
        if other is not dist:
            findings.append(f"{dist.path}: is the same file of a release as {other.path}. Accepted: one of the two")
    return findings


def _sorted(dists: Sequence[Dist]) -> list[Release]:
    """Wheels before sdists, as installers like them; releases in the order of the arguments."""
    groups: dict[tuple[str, str], list[Dist]] = {}
    for dist in dists:
        groups.setdefault((dist.parsed.name, str(dist.parsed.version)), []).append(dist)
    return [
        Release(group[0].metadata.name, name, version, tuple(sorted(group, key=lambda one: (one.kind, one.filename))))
        for (name, version), group in groups.items()
    ]


def _contradictions(release: Release) -> list[str]:
    findings = []
    for place, dist in enumerate(release.dists):
        before = [(one.filename, one.kind, one.metadata_text) for one in release.dists[:place]]
        try:
            check_agreement(dist.filename, dist.kind, dist.metadata, before)
        except Rejected as error:
            findings.append(f"{dist.path}: {error}")
    return findings


def _nothing(what: str, why: str) -> Rejected:
    return Rejected("no-files", "files", f"{what[:200]!r} {why}", "wheels and sdists, or the folder they are in: dist")
