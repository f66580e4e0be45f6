"""What is installed in site-packages folders: read from the metadata of the packages, nothing executed.

Sources: packaging.python.org, "Recording installed projects" (METADATA, RECORD, REQUESTED, direct_url.json); the page
of setuptools on eggs for egg-info, ``.egg`` folders and ``.egg-link``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from customhouse.consume.audit.read.tree import Tree
from customhouse.formats.inventory.installed import (
    MOST_HEADER_BYTES,
    Installed,
    libraries_of,
    read_installed,
    read_requires_txt,
)
from customhouse.formats.inventory.marks import Marks
from customhouse.formats.inventory.model import Component, Gap
from customhouse.formats.inventory.origins import Unrooted, with_origins
from customhouse.terms.names import normalize

MOST_PACKAGES = 50_000
MOST_RECORD_BYTES = 32 * 2**20
MOST_SMALL_BYTES = 64 * 2**10
_INSTALL_AGAIN = "reinstall it, then audit again"


def read_packages(tree: Tree, folders: Sequence[str], marks: Marks) -> tuple[tuple[Component, ...], tuple[Gap, ...]]:
    """The packages of some site-packages folders, in the order in which Python looks there, and what was damaged."""
    packages: list[Unrooted] = []
    gaps: list[Gap] = []
    for folder in folders:
        names = tree.names(folder)
        if names is None:
            gaps.append(Gap(tree.shown(folder), "the folder cannot be read", "look at its permissions"))
            continue
        for one in _packages(tree, folder, names):
            if isinstance(one, Gap):
                gaps.append(one)
            elif len(packages) < MOST_PACKAGES:
                packages.append(one)
            else:
                gaps.append(Gap(tree.shown(folder), f"more than {MOST_PACKAGES} packages", "audit it in parts"))
                break
    gaps += _twice(packages)
    return with_origins(packages, marks), tuple(gaps)


def _packages(tree: Tree, folder: str, names: Sequence[str]) -> Iterator[Unrooted | Gap]:
    for name in names:
        place = f"{folder}/{name}" if folder else name
        lower = name.lower()
        if lower.endswith(".dist-info"):
            yield _dist_info(tree, folder, place, name)
        elif lower.endswith(".egg-info"):
            yield _egg_info(tree, place, name)
        elif lower.endswith(".egg"):
            yield _egg(tree, place, name)
        elif lower.endswith(".egg-link"):
            yield from _egg_link(tree, place)


def _dist_info(tree: Tree, folder: str, place: str, name: str) -> Unrooted | Gap:
    if name.startswith("~"):
        return Gap(tree.shown(place), "what an installation that was broken off has left", "delete it, or reinstall")
    raw = tree.read(f"{place}/METADATA", MOST_HEADER_BYTES)
    found = read_installed(raw) if raw is not None else Installed("", "", (), ())
    package = _package(tree, place, name.rpartition(".")[0], found)
    if isinstance(package, Gap):
        return package
    # The names of a folder are asked for once: each file that is not there would cost a call.
    beside = tree.names(place) or ()
    record = tree.read(f"{place}/RECORD", MOST_RECORD_BYTES) if "RECORD" in beside else None
    origin = ""
    if "direct_url.json" in beside:
        origin = _origin(tree.read(f"{place}/direct_url.json", MOST_SMALL_BYTES) or b"")
    prefix = f"{folder}/" if folder else ""
    if folder.endswith("dist-packages") and "INSTALLER" in beside:
        by = (tree.read(f"{place}/INSTALLER", 64) or b"").strip()
        # A distribution mends what it ships and keeps the version.
        origin = origin or ("from Debian, which may have mended it" if by == b"debian" else "")
    component = replace(
        package.component,
        files=tuple(prefix + path for path in libraries_of(record)) if record else (),
        where=package.component.where + (f" ({origin})" if origin else ""),
    )
    return Unrooted(component, package.requires, "REQUESTED" in beside or "direct_url.json" in beside)


def _origin(raw: bytes) -> str:
    """Where a direct installation came from (PEP 610), for people."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return "from an address that cannot be read"
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        return "from an address that cannot be read"
    folder = document.get("dir_info")
    word = "editable" if isinstance(folder, dict) and folder.get("editable") is True else "from"
    return f"{word} {document['url'][:200]}"


def _egg_info(tree: Tree, place: str, name: str) -> Unrooted | Gap:
    raw = tree.read(f"{place}/PKG-INFO", MOST_HEADER_BYTES)
    if raw is None:
        # What distutils wrote is one file.
        raw = tree.read(place, MOST_HEADER_BYTES)
    found = read_installed(raw or b"")
    requires = tree.read(f"{place}/requires.txt", MOST_HEADER_BYTES)
    if requires and not found.requires:
        found = found._replace(requires=read_requires_txt(requires.decode("utf-8", "replace")))
    return _package(tree, place, name.rpartition(".")[0], found)


def _egg(tree: Tree, place: str, name: str) -> Unrooted | Gap:
    raw = tree.read(f"{place}/EGG-INFO/PKG-INFO", MOST_HEADER_BYTES)
    found = read_installed(raw or b"")
    requires = tree.read(f"{place}/EGG-INFO/requires.txt", MOST_HEADER_BYTES)
    if requires and not found.requires:
        found = found._replace(requires=read_requires_txt(requires.decode("utf-8", "replace")))
    return _package(tree, place, name.rpartition(".")[0], found)


def _egg_link(tree: Tree, place: str) -> Iterator[Unrooted | Gap]:
    """A development installation of setuptools: its first line is the folder in which the egg-info lies."""
    raw = tree.read(place, MOST_SMALL_BYTES) or b""
    target = raw.decode("utf-8", "replace").partition("\n")[0].strip()
    folder = tree.inside(target)
    names = tree.names(folder) if folder is not None else None
    found = [one for one in names or () if one.lower().endswith(".egg-info")]
    if folder is None or not found:
        yield Gap(tree.shown(place), f"the editable project {target[:200]!r} has no metadata there", _INSTALL_AGAIN)
    for name in found:
        package = _egg_info(tree, f"{folder}/{name}" if folder else name, name)
        if isinstance(package, Unrooted):
            component = replace(package.component, where=f"{tree.shown(place)} (editable {target[:200]})")
            package = Unrooted(component, package.requires, requested=True)
        yield package


def _package(tree: Tree, place: str, stem: str, found: Installed) -> Unrooted | Gap:
    """The package that the metadata tells, or else the folder's name."""
    where = tree.shown(place)
    name, version = found.name, found.version
    if not name or not version:
        stem_name, _, rest = stem.partition("-")
        # egg-info carries the Python's version behind its own: name-1.0-py3.11.
        stem_version = rest.partition("-")[0]
        name, version = name or stem_name, version or stem_version
        if not name or not version:
            return Gap(where, "its metadata tells no name or no version", _INSTALL_AGAIN)
        where += " (metadata damaged: the folder's name is believed)"
    component = Component(normalize(name), version, where)
    return Unrooted(component, found.requires)


def _twice(packages: Sequence[Unrooted]) -> Iterator[Gap]:
    """Two versions of one package in one place: which of them is imported cannot be told from here."""
    first: dict[str, Component] = {}
    for one in packages:
        name = one.component.name
        other = first.setdefault(name, one.component)
        if other is not one.component and other.version != one.component.version:
            yield Gap(
                one.component.where,
                f"{name} is there twice, as {other.version} and as {one.component.version}; both are audited",
                f"uninstall {name} until it is gone, then install it once",
            )
