"""``pylock.toml`` (PEP 751): every package that an installation from it may bring.

Markers of packages are kept in ``where`` and not evaluated: the file is installed elsewhere too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from customhouse.formats.inventory.file_version import version_in
from customhouse.formats.inventory.model import PRODUCTION, Component, Edge, Gap, Subject
from customhouse.formats.inventory.reach import groups_of
from customhouse.formats.inventory.toml_lock import (
    CODE,
    hashes_of,
    lines_of,
    read_lock_toml,
    some_tables,
    table,
    tables,
    text,
)
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

_LOCK_AGAIN = "lock again with the tool that wrote it, then audit again"
_GROUP = re.compile(r"""["']([A-Za-z0-9._-]{1,100})["']\s+(not\s+)?in\s+(dependency_groups|extras)\b""")


def read_pylock(lock: str, where: str) -> Subject:
    """What a pylock.toml holds; raises `Rejected` if it is none at all."""
    values = read_lock_toml(lock, where)
    told = text(values.get("lock-version"))
    if told.partition(".")[0] != "1":
        raise Rejected(CODE, f"{where}: lock-version", f"{told[:20]!r} is not known here", "1.0 (PEP 751)")
    packages = tables(values, "packages", where)
    if not all(text(package.get("version")) for package in packages):
        # Then the names of the files tell it.
        packages = tables(read_lock_toml(lock, where, whole=True), "packages", where)
    lines = lines_of(lock, "[[packages]]")
    places = lines if len(lines) == len(packages) else [0] * len(packages)
    by_name: dict[str, list[int]] = {}
    for order, package in enumerate(packages):
        by_name.setdefault(normalize(text(package.get("name"))), []).append(order)
    onward = [list(_onward(package, packages, by_name)) for package in packages]
    groups = _groups(packages, onward)
    required = {order for orders in onward for order in orders}
    graph = any(onward)
    components: list[Component] = []
    gaps: list[Gap] = []
    if "packages" not in values:
        gaps.append(Gap(where, "it has no [[packages]]: nothing of it was read", _LOCK_AGAIN))
    if told != "1.0":
        gaps.append(
            Gap(f"{where}: lock-version", f"{told[:20]} is newer than 1.0: what it adds is not read", _LOCK_AGAIN)
        )
    for order, (package, line) in enumerate(zip(packages, places, strict=True)):
        place = f"{where}:{line}" if line else where
        one = _component(package, place, groups[order], not graph or order not in required)
        if isinstance(one, Gap):
            gaps.append(one)
        elif one is not None:
            components.append(one)
    return Subject(where, "pylock", tuple(components), tuple(gaps))


def _component(package: Mapping[str, Any], place: str, groups: frozenset[str], direct: bool) -> Component | Gap | None:
    name = text(package.get("name"))
    if not name:
        return Gap(place, "a package without a name", _LOCK_AGAIN)
    origin = _origin(package)
    version = text(package.get("version")) or told_by_file(package)
    folder = table(package.get("directory"))
    if not version and folder.get("path") in (".", "./"):
        # The project that was locked: it is not looked up.
        return None
    if not version:
        return Gap(
            place,
            f"{name} comes from {origin or 'somewhere'} and has no version: advisories cannot be matched",
            f"build {name} and audit the wheel",
        )
    marker = text(package.get("marker"))
    notes = [note for note in (origin and f"from {origin}", marker and f"if {marker[:200]}") if note]
    return Component(
        normalize(name),
        version,
        f"{place} ({', '.join(notes)})" if notes else place,
        groups,
        direct,
        tuple(
            dict.fromkeys(
                Edge(normalize(text(one.get("name"))), marker=text(one.get("marker")))
                for one in some_tables(package.get("dependencies"))
                if text(one.get("name"))
            )
        ),
        hashes_of(package.get("wheels"), package.get("sdist"), package.get("archive")),
        text(package.get("index")),
    )


def _origin(package: Mapping[str, Any]) -> str:
    for kind in ("vcs", "directory", "archive"):
        if source := table(package.get(kind)):
            return f"{kind} {(text(source.get('url')) or text(source.get('path')))[:200]}"
    return ""


def told_by_file(package: Mapping[str, Any]) -> str:
    """The version in the name of a file: PEP 751 lets the key away where the files tell it."""
    for source in (table(package.get("archive")), table(package.get("sdist")), *some_tables(package.get("wheels"))):
        for key in ("name", "path", "url"):
            if found := version_in(text(source.get(key)), text(package.get("name"))):
                return found
    return ""


def _onward(package: Mapping[str, Any], packages: list[dict[str, Any]], by_name: dict[str, list[int]]) -> Iterator[int]:
    """The packages that one requires: told by as many keys as are needed to tell them apart."""
    for one in some_tables(package.get("dependencies")):
        orders = by_name.get(normalize(text(one.get("name"))), [])
        told = {key: value for key, value in one.items() if key not in ("name", "marker")}
        matching = [order for order in orders if all(packages[order].get(key) == told[key] for key in told)]
        yield from matching or orders


def _groups(packages: list[dict[str, Any]], onward: list[list[int]]) -> list[frozenset[str]]:
    """The groups and extras that a package's marker asks for, and those of whoever requires it."""
    own = [
        frozenset(found[0] for found in _GROUP.findall(text(package.get("marker"))) if not found[1])
        for package in packages
    ]
    required = {order for orders in onward for order in orders}
    roots: dict[str, list[int]] = {}
    for order, groups in enumerate(own):
        if groups or order not in required:
            for group in groups or {PRODUCTION}:
                roots.setdefault(group, []).append(order)
    reached = groups_of(roots, lambda order: [one for one in onward[order] if not own[one]])
    return [
        own[order] or frozenset(reached.get(order, set())) or frozenset({PRODUCTION}) for order in range(len(packages))
    ]
