"""Libraries that packages bundle, as values of an audit: of a wheel by its bytes, of an environment mostly by names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from customhouse.consume.audit.read.tree import Tree
from customhouse.formats.inventory.model import Component, Gap, Library
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from customhouse.formats.bundled.model import BundledScan
    from customhouse.formats.inspection import Limits

MOST_LIBRARY_BYTES = 512 * 2**20
MOST_SBOM_BYTES = 16 * 2**20
_CARRIED = (".libs/", ".dylibs/")


def libraries_of_wheel(path: Path, name: str, limits: Limits) -> tuple[tuple[Library, ...], tuple[Gap, ...]]:
    """What a wheel bundles, and what of it could not be read."""
    from customhouse.formats.bundled.scan import scan_wheel  # noqa: PLC0415 - tables that few audits need

    try:
        scan = scan_wheel(path, limits)
    except Rejected as error:
        return (), (Gap(str(path), f"its libraries were not looked at: {error}", "get the file again"),)
    return tuple(_libraries(scan, name, f"{path}: ")), tuple(_gaps(scan, f"{path}: "))


def libraries_of_packages(
    tree: Tree, components: Sequence[Component], *, by_bytes: bool
) -> tuple[tuple[Library, ...], tuple[Gap, ...]]:
    """What the packages of an environment bundle.

    By names and bills of materials (PEP 770) alone, which takes no time; ``by_bytes`` searches each native file for
    what it says of itself, at about 40 MB a second.
    """
    libraries: list[Library] = []
    gaps: list[Gap] = []
    for one in components:
        wanted = [path for path in one.files if by_bytes or path.endswith(_SBOM_ENDINGS) or _is_carried(path)]
        if wanted:
            scan = _scan(tree, wanted, by_bytes=by_bytes)
            libraries += _libraries(scan, one.name, "")
            gaps += _gaps(scan, "")
    return tuple(libraries), tuple(gaps)


_SBOM_ENDINGS = (".json", ".xml", ".spdx")


def _is_carried(path: str) -> bool:
    return any(folder in path for folder in _CARRIED)


def _scan(tree: Tree, paths: Iterable[str], *, by_bytes: bool) -> BundledScan:
    from customhouse.formats.bundled.file_names import library_file  # noqa: PLC0415 - tables that few audits need
    from customhouse.formats.bundled.judge import Facts  # noqa: PLC0415
    from customhouse.formats.bundled.scan import Scanner  # noqa: PLC0415

    scanner = Scanner()
    for path in paths:
        is_sbom = path.endswith(_SBOM_ENDINGS)
        if not is_sbom and not by_bytes:
            scanner.add(Facts(path, library_file(path)))
            continue
        body = tree.read(path, MOST_SBOM_BYTES if is_sbom else MOST_LIBRARY_BYTES)
        if body is None:
            scanner.note(tree.shown(path), "it cannot be read")
        elif (listener := scanner.follow(path, body[:64])) is not None:
            listener.feed(body)
            listener.end()
    return scanner.result()


def _libraries(scan: BundledScan, name: str, prefix: str) -> Iterator[Library]:
    for one in scan.libraries:
        evidence = one.evidence[0] if one.evidence else None
        told = f"{evidence.kind}: {evidence.text}" if evidence is not None else "nothing tells its version"
        yield Library(one.name, one.version, name, prefix + one.file, told, one.purl, one.conflicting)


def _gaps(scan: BundledScan, prefix: str) -> Iterator[Gap]:
    for note in scan.notes:
        where, _, why = note.partition(": ")
        yield Gap(prefix + where, why, "look at the file by hand")
