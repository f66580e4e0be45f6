"""Images in files: what ``docker save`` writes, and OCI layouts as a tar or as a folder.

Source: the OCI image specification ("Image Layout", "Image Manifest", "Image Index"), and the ``manifest.json`` of
``docker save``. Nothing is unpacked to the disk, but a tar that is compressed as a whole: to a file without a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from customhouse.consume.audit.read.container import subjects_in
from customhouse.consume.audit.read.layered_tree import LayeredTree
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.source import CODE
from customhouse.consume.audit.read.unpacked import Section, Unpacked
from customhouse.formats.inventory.layer_tar import members_of, plain_path
from customhouse.formats.inventory.model import Gap, Subject
from customhouse.terms.errors import Rejected

MOST_DOCUMENT_BYTES = 4 * 2**20
MOST_LAYERS = 500
MOST_IMAGES = 32
MOST_OUTER_BYTES = 32 * 2**30
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_ACCEPTED = "an image as `docker save` writes it, or an OCI layout"


@dataclass(frozen=True, slots=True)
class _Image:
    """One image: its layers, the lowest first."""

    title: str
    layers: tuple[tuple[str, str], ...]
    """The name of the blob, and the SHA-256 that it should have or nothing."""


class _Blobs:
    """The files of an image in a tar or a folder, by their names."""

    def __init__(self, tar: BinaryIO | None, folder: Path | None = None) -> None:
        self._tar = tar
        self._folder = folder
        self._places: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        self._open: list[BinaryIO] = []
        if tar is not None:
            tar.seek(0)
            for member in members_of(tar, tar.seek):
                if member.kind == "file":
                    self._places[member.path] = (member.offset, member.size_bytes)
                elif member.kind == "link":
                    # Older ones of docker save share equal layers by links.
                    base = "" if member.is_hard else member.path.rpartition("/")[0]
                    self._links[member.path] = plain_path(f"{base}/{member.target}")

    def section(self, name: str, digest: str = "") -> Section | None:
        path = plain_path(name)
        for _ in range(10):
            path = self._links.get(path, path)
        if self._tar is not None:
            place = self._places.get(path)
            return Section(self._tar, *place, digest) if place is not None else None
        assert self._folder is not None  # noqa: S101  # one of the two is given
        file = self._folder / path
        if not file.is_file() or not file.resolve().is_relative_to(self._folder.resolve()):
            return None
        opened = file.open("rb")
        self._open.append(opened)
        return Section(opened, 0, file.stat().st_size, digest)

    def document(self, name: str) -> Any:
        """The JSON of a small file; None if there is none that can be read."""
        section = self.section(name)
        if section is None:
            return None
        body = section.read(MOST_DOCUMENT_BYTES + 1)
        try:
            return json.loads(body) if len(body) <= MOST_DOCUMENT_BYTES else None
        except (ValueError, RecursionError):
            return None

    def close(self) -> None:
        for one in self._open:
            one.close()


def is_image(path: Path) -> bool:
    """Whether a tar, compressed or not, is an image: one of its first members says so."""
    try:
        with path.open("rb") as file:
            plain = Unpacked(Section(file, 0, path.stat().st_size), str(path), most_bytes=MOST_OUTER_BYTES)
            for order, member in enumerate(members_of(plain)):
                if member.path in ("manifest.json", "oci-layout", "index.json") or member.path.startswith(
                    "blobs/sha256"
                ):
                    return True
                if order > 50:  # noqa: PLR2004  # of docker save, layers may come first
                    return False
    except (Rejected, OSError):
        pass
    return False


def read_image(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    """The Pythons of the images in a tar. Raises `Rejected` if it holds none."""
    with path.open("rb") as file:
        head = file.read(4)
        if not head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            return _read(_Blobs(file), str(path), options)
        with TemporaryFile(prefix="customhouse-audit-") as whole:
            plain = Unpacked(Section(file, 0, path.stat().st_size), str(path), most_bytes=MOST_OUTER_BYTES)
            while piece := plain.read(1 << 20):
                whole.write(piece)
            return _read(_Blobs(whole), str(path), options)


def read_image_folder(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    """The Pythons of the images of an OCI layout in a folder."""
    return _read(_Blobs(None, path), str(path), options)


def _read(blobs: _Blobs, title: str, options: ReadOptions) -> tuple[Subject, ...]:
    try:
        images = list(dict.fromkeys(_images(blobs, title)))
        if not images:
            raise Rejected(CODE, title, "it lists no image", _ACCEPTED)
        subjects = [one for image in images[:MOST_IMAGES] for one in _audit(blobs, image, options)]
    finally:
        blobs.close()
    if len(images) > MOST_IMAGES:
        gap = Gap(title, f"{len(images)} images: the first {MOST_IMAGES} are audited", "audit them one by one")
        subjects.append(Subject(title, "container", (), (gap,)))
    return tuple(subjects)


def _images(blobs: _Blobs, title: str) -> Iterator[_Image]:
    listed = blobs.document("manifest.json")
    if isinstance(listed, list):
        for one in listed:
            if isinstance(one, dict) and isinstance(one.get("Layers"), list):
                tags = [tag for tag in one.get("RepoTags") or () if isinstance(tag, str)]
                layers = tuple((str(name), _named_digest(str(name))) for name in one["Layers"])
                yield _Image(f"{title}{f' ({tags[0][:100]})' if tags else ''}", layers)
        return
    index = blobs.document("index.json")
    if isinstance(index, dict):
        yield from _of_index(blobs, index, title, 0)


def _of_index(blobs: _Blobs, index: Mapping[str, Any], title: str, depth: int) -> Iterator[_Image]:
    manifests = index.get("manifests")
    for one in manifests[: 2 * MOST_IMAGES] if isinstance(manifests, list) else ():
        digest = _DIGEST.fullmatch(str(one.get("digest"))) if isinstance(one, dict) else None
        if digest is None:
            continue
        told = _table(one.get("annotations"))
        if "vnd.docker.reference.type" in told:
            # An attestation on an image is none.
            continue
        document = _table(blobs.document(f"blobs/sha256/{digest[1]}"))
        if isinstance(document.get("manifests"), list) and depth < 5:  # noqa: PLR2004  # real ones nest once
            yield from _of_index(blobs, document, title, depth + 1)
        elif isinstance(document.get("layers"), list):
            name = _table(one.get("annotations")).get("org.opencontainers.image.ref.name")
            platform = _table(one.get("platform"))
            what = [str(part)[:60] for part in (name, platform.get("os"), platform.get("architecture")) if part]
            layers = tuple(_layer(str(_table(layer).get("digest"))) for layer in document["layers"])
            yield _Image(f"{title} ({' '.join(what)})" if what else title, layers)


def _layer(digest: str) -> tuple[str, str]:
    """A layer by its digest. One of a kind that is not checked here is read all the same, or missed with a word."""
    found = _DIGEST.fullmatch(digest)
    return (f"blobs/sha256/{found[1]}", found[1]) if found else (f"blobs/{digest.replace(':', '/', 1)}", "")


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _named_digest(name: str) -> str:
    found = re.fullmatch(r"blobs/sha256/([0-9a-f]{64})", name)
    return found[1] if found is not None else ""


def _audit(blobs: _Blobs, image: _Image, options: ReadOptions) -> tuple[Subject, ...]:
    tree = LayeredTree(image.title)
    gaps: list[Gap] = []
    if len(image.layers) > MOST_LAYERS:
        gaps.append(Gap(image.title, f"more than {MOST_LAYERS} layers", "squash the image, then audit it"))
    for name, digest in image.layers[:MOST_LAYERS]:
        where = f"{image.title}: {name[:90]}"
        section = blobs.section(name, digest)
        if section is None:
            gaps.append(Gap(where, "the layer is not there", "save the image again"))
            continue
        try:
            tree.add(Unpacked(section, where))
            if not section.is_as_promised():
                gaps.append(Gap(where, "the layer's bytes do not have its digest", "save the image again"))
        except Rejected as error:
            gaps.append(Gap(where, error.why, error.accepted))
    if tree.left_out:
        gaps.append(
            Gap(image.title, f"{tree.left_out} metadata files are too large or too many", "audit it from inside")
        )
    try:
        subjects = subjects_in(tree, image.title, options)
    except Rejected as error:
        # Damaged layers may be the reason that nothing was found.
        gaps.append(Gap(error.where, error.why, error.accepted))
        return (Subject(image.title, "container", (), tuple(gaps)),)
    return (replace(subjects[0], gaps=(*gaps, *subjects[0].gaps)), *subjects[1:])
