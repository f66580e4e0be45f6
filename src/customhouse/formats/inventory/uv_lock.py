"""``uv.lock``: every version that uv has chosen, for all the platforms and groups at once.

Source: the pages "Locking" and "Resolution" of uv's documentation, and files that uv 0.13 writes (lock version 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

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
    texts,
)
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

_HEADER = "[[package]]"
_OWN = ("virtual", "editable", "directory")
_LOCK_AGAIN = "run `uv lock`, then audit again"
_Node = tuple[int, str]
"""A package, by its place in the file, with one of its extras or with none (empty)."""


@dataclass(slots=True)
class _Lock:
    packages: list[dict[str, Any]]
    by_name: dict[str, list[int]] = field(default_factory=dict)
    members: frozenset[int] = frozenset()
    """What is the project itself: it is not looked up."""


def read_uv_lock(lock: str, where: str) -> Subject:
    """What an uv.lock holds; raises `Rejected` if it is none at all."""
    values = read_lock_toml(lock, where)
    if values.get("version") != 1:
        raise Rejected(CODE, f"{where}: version", f"{str(values.get('version'))[:20]!r} is not known here", "1")
    found = _Lock(tables(values, "package", where))
    for order, package in enumerate(found.packages):
        found.by_name.setdefault(normalize(text(package.get("name"))), []).append(order)
    manifest = table(values.get("manifest"))
    found.members = frozenset(_members(found, manifest))
    roots = _roots(found, manifest)
    groups = groups_of(roots, lambda node: _onward(found, node))
    by_order: dict[int, set[str]] = {}
    for (order, _extra), names in groups.items():
        by_order.setdefault(order, set()).update(names)
    direct = {order for nodes in roots.values() for order, _extra in nodes}
    asked = _asked_for(found, manifest)
    lines = lines_of(lock, _HEADER)
    places = lines if len(lines) == len(found.packages) else [0] * len(found.packages)
    components: list[Component] = []
    gaps: list[Gap] = []
    if "package" not in values:
        gaps.append(Gap(where, "it has no [[package]]: nothing of it was read", _LOCK_AGAIN))
    for order, (package, line) in enumerate(zip(found.packages, places, strict=True)):
        if order in found.members:
            continue
        place = f"{where}:{line}" if line else where
        one = _component(package, place, by_order.get(order, set()), order in direct)
        if isinstance(one, Gap):
            gaps.append(one)
        else:
            components.append(one)
    gaps += [Gap(where, f"{name} is required but not locked", _LOCK_AGAIN) for name in _missing(found, asked)]
    return Subject(where, "uv-lock", tuple(components), tuple(gaps))


def _members(lock: _Lock, manifest: Mapping[str, Any]) -> Iterator[int]:
    """The project's own packages: the members of the workspace, or what lies where the lock lies."""
    members = {normalize(one) for one in texts(manifest.get("members"))}
    for order, package in enumerate(lock.packages):
        kinds = {kind: value for kind, value in table(package.get("source")).items() if kind in _OWN}
        if (normalize(text(package.get("name"))) in members and kinds) or (not members and "." in kinds.values()):
            yield order


def _roots(lock: _Lock, manifest: Mapping[str, Any]) -> dict[str, set[_Node]]:
    """What each group asks for itself."""
    found: dict[str, set[_Node]] = {PRODUCTION: set()}
    for order in lock.members:
        package = lock.packages[order]
        found[PRODUCTION].update(_nodes(lock, package.get("dependencies")))
        for kind in ("optional-dependencies", "dev-dependencies"):
            for group, wanted in table(package.get(kind)).items():
                found.setdefault(group, set()).update(_nodes(lock, wanted))
    # Of a script, and of a workspace without a project.
    found[PRODUCTION].update(_nodes(lock, manifest.get("requirements")))
    for group, wanted in table(manifest.get("dependency-groups")).items():
        found.setdefault(group, set()).update(_nodes(lock, wanted))
    return {group: {node for node in nodes if node[0] not in lock.members} for group, nodes in found.items()}


def _onward(lock: _Lock, node: _Node) -> Iterable[_Node]:
    order, extra = node
    package = lock.packages[order]
    if extra:
        return (*_nodes(lock, table(package.get("optional-dependencies")).get(extra)), (order, ""))
    return _nodes(lock, package.get("dependencies"))


def _nodes(lock: _Lock, wanted: object) -> list[_Node]:
    """The packages that a list of requirements leads to; of several versions, the one that is named, else all."""
    found: list[_Node] = []
    for one in some_tables(wanted):
        version = text(one.get("version"))
        orders = lock.by_name.get(normalize(text(one.get("name"))), [])
        named = [order for order in orders if lock.packages[order].get("version") == version] if version else orders
        extras = [*texts(one.get("extra")), *texts(one.get("extras"))]
        for order in named or orders:
            found.append((order, ""))
            found += [(order, extra) for extra in extras]
    return found


def _component(package: Mapping[str, Any], place: str, groups: set[str], direct: bool) -> Component | Gap:
    name, version = text(package.get("name")), text(package.get("version"))
    source = table(package.get("source"))
    kind = next(iter(source), "registry")
    origin = text(source.get(kind))
    if not name:
        return Gap(place, "a package without a name", _LOCK_AGAIN)
    if not version:
        return Gap(
            place,
            f"{name} comes from {kind} {origin[:200]} and has no version: advisories cannot be matched",
            f"build {name} and audit the wheel",
        )
    return Component(
        normalize(name),
        version,
        place if kind == "registry" else f"{place} (from {kind} {origin[:200]})",
        # What no group reaches is left over from something; it counts as production, where nobody overlooks it.
        frozenset(groups) or frozenset({PRODUCTION}),
        direct,
        tuple(dict.fromkeys(_edges(package))),
        hashes_of(package.get("wheels"), package.get("sdist")),
        origin if kind == "registry" else "",
    )


def _edges(package: Mapping[str, Any]) -> Iterator[Edge]:
    bounds = {
        normalize(text(one.get("name"))): text(one.get("specifier"))
        for one in some_tables(table(package.get("metadata")).get("requires-dist"))
    }
    wanted = [*some_tables(package.get("dependencies"))]
    for extra in table(package.get("optional-dependencies")).values():
        wanted += some_tables(extra)
    for one in wanted:
        if name := normalize(text(one.get("name"))):
            yield Edge(name, bounds.get(name, ""), text(one.get("marker")))


def _asked_for(lock: _Lock, manifest: Mapping[str, Any]) -> Iterator[str]:
    for order in lock.members:
        yield from (normalize(text(one.get("name"))) for one in some_tables(lock.packages[order].get("dependencies")))
    yield from (normalize(text(one.get("name"))) for one in some_tables(manifest.get("requirements")))


def _missing(lock: _Lock, asked: Iterable[str]) -> list[str]:
    wanted = dict.fromkeys(asked)
    for package in lock.packages:
        wanted.update(
            dict.fromkeys(normalize(text(one.get("name"))) for one in some_tables(package.get("dependencies")))
        )
    return [name for name in wanted if name and name not in lock.by_name]
