"""What the releases of an upstream's project require, read from the metadata of their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from packaging.version import Version

from customhouse.formats.metadata import parse_stored_metadata
from customhouse.index.amending.released import Released
from customhouse.infra.blob_files import local_file
from customhouse.infra.blobs import Blobs
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, Rejected, Unavailable
from customhouse.terms.versions import specifiers_of, version_of
from customhouse.views.model import View
from customhouse.views.offering import Views

MOST_LOOKED_AT = 200
"""Of how many releases the metadata is fetched for one amendment."""
ReadMetadata = Callable[[MirroredFile, MirroredProject], tuple[str, int]]
"""Digest and size of a file's metadata, which lies in the store then: `mirror.objects.Objects.metadata`."""


def upstream_releases(
    views: Views, view: View, normalized: str, versions: str, *, metadata: ReadMetadata, blobs: Blobs, spool: Path
) -> tuple[Released, ...]:
    """The releases that ``versions`` names, with what they require; raises `Refused` or `Unavailable`.

    Of several files of a release one that is a wheel is read: what an sdist says may change when it is built.
    """
    offered = views.offered(view, normalized)
    if offered is None or offered.mirrored is None:
        raise Refused("unknown", f"The view {view.name} has no project {normalized!r} of an upstream.", status=404)
    found = offered.mirrored
    names = _naming(versions)
    by_version: dict[str, list[MirroredFile]] = {}
    for one in found.files:
        parsed = version_of(one.version)
        if parsed is not None and one.removed_at is None and names(parsed):
            by_version.setdefault(one.version, []).append(one)
    if len(by_version) > MOST_LOOKED_AT:
        raise Rejected(
            "bad-amendment", "versions", f"{len(by_version)} releases", f"at most {MOST_LOOKED_AT} in one record"
        )
    return tuple(_released(version, files, found, metadata, blobs, spool) for version, files in by_version.items())


def _naming(text: str) -> Callable[[Version], bool]:
    """Whether a version is meant by a version or by specifiers; what is neither means none."""
    wanted, specifiers = version_of(text.strip()), specifiers_of(text)
    if wanted is not None or specifiers is None:
        return lambda version: version == wanted
    return lambda version: specifiers.contains(version, prereleases=True)


def _released(
    version: str, files: list[MirroredFile], found: MirroredProject, metadata: ReadMetadata, blobs: Blobs, spool: Path
) -> Released:
    why: Exception | None = None
    for one in sorted(files, key=lambda file: (not file.filename.endswith(".whl"), file.filename)):
        try:
            digest, _size = metadata(one, found)
        except (Refused, Unavailable) as error:
            why = error
            continue
        with local_file(blobs, Digest(digest), spool) as path:
            read = parse_stored_metadata(path.read_text(encoding="utf-8", errors="replace"))
        return Released(version, read.requires_dist, read.requires_python, read.provides_extra)
    raise Refused(
        "no-metadata", f"What {found.name} {version} requires cannot be read: {why}", "another version", status=409
    )
