"""``poetry.lock``: of Poetry 1.x (which says only whether something is optional) and of 2.x (with groups and markers).

Source: the files that Poetry writes, lock versions 1.1 to 2.1. Who asked for what stands in pyproject.toml, not in the
lock: without it, what nobody requires counts as asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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

_LOCK_AGAIN = "run `poetry lock`, then audit again"
_MAIN = "main"


def read_poetry_lock(lock: str, where: str, project: str = "") -> Subject:
    """What a poetry.lock holds; ``project`` is the text of the pyproject.toml beside it. Raises `Rejected`."""
    values = read_lock_toml(lock, where)
    packages = tables(values, "package", where)
    metadata = table(values.get("metadata"))
    told = text(metadata.get("lock-version"))
    if not packages and not metadata:
        raise Rejected(CODE, where, "it has neither packages nor metadata", "a poetry.lock as Poetry writes it")
    asked = asked_groups(project) if project else {}
    by_name: dict[str, list[int]] = {}
    for order, package in enumerate(packages):
        by_name.setdefault(normalize(text(package.get("name"))), []).append(order)
    onward = [[one for name in _required(package) for one in by_name.get(name, ())] for package in packages]
    required = {one for some in onward for one in some}
    roots = {group: [order for name in names for order in by_name.get(name, ())] for group, names in asked.items()}
    by_project = groups_of(roots, lambda order: onward[order])
    direct = {one for some in roots.values() for one in some} if asked else set(range(len(packages))) - required
    lines = lines_of(lock, "[[package]]")
    places = lines if len(lines) == len(packages) else [0] * len(packages)
    old_hashes = table(metadata.get("files"))
    components: list[Component] = []
    gaps: list[Gap] = []
    if told.partition(".")[0] not in ("1", "2"):
        gaps.append(Gap(where, f"the lock version {told[:20]!r} is not known here", _LOCK_AGAIN))
    for order, (package, line) in enumerate(zip(packages, places, strict=True)):
        groups = _groups(package) or frozenset(by_project.get(order, ())) or frozenset({PRODUCTION})
        place = f"{where}:{line}" if line else where
        one = _component(package, place, groups, order in direct, old_hashes)
        (components if isinstance(one, Component) else gaps).append(one)  # type: ignore[arg-type]
    gaps += [
        Gap(where, f"{name} is asked for but not locked", _LOCK_AGAIN)
        for names in asked.values() for name in names if name not in by_name
    ]  # fmt: skip
    return Subject(where, "poetry-lock", tuple(components), tuple(gaps))


def _groups(package: Mapping[str, Any]) -> frozenset[str]:
    """As 2.x and early 1.x say; empty if the lock is silent."""
    listed = [*texts(package.get("groups")), *texts(package.get("category"))]
    return frozenset(PRODUCTION if one == _MAIN else one for one in listed)


def _component(
    package: Mapping[str, Any], place: str, groups: frozenset[str], direct: bool, old_hashes: Mapping[str, Any]
) -> Component | Gap:
    name, version = text(package.get("name")), text(package.get("version"))
    if not name or not version:
        return Gap(place, f"the package {name[:100] or 'here'} has no {'version' if name else 'name'}", _LOCK_AGAIN)
    source = table(package.get("source"))
    kind = text(source.get("type"))
    is_index = kind in ("", "legacy")
    notes = "" if is_index else f" (from {kind[:20]} {text(source.get('url'))[:200]})"
    return Component(
        normalize(name),
        version,
        place + notes,
        groups,
        direct,
        tuple(dict.fromkeys(_edges(package))),
        hashes_of(package.get("files"), old_hashes.get(name)),
        text(source.get("url")) if is_index else "",
    )


def _edges(package: Mapping[str, Any]) -> Iterator[Edge]:
    for name, wanted in table(package.get("dependencies")).items():
        for one in wanted if isinstance(wanted, list) else [wanted]:
            bound = text(one) or text(table(one).get("version"))
            # "^1.2", "~1.2" and "*" are Poetry's own words; nearly all come from metadata and are PEP 440.
            is_standard = bound.startswith(("~=", "<", ">", "=", "!"))
            yield Edge(normalize(name), bound if is_standard else "", text(table(one).get("markers")))


def _required(package: Mapping[str, Any]) -> Iterator[str]:
    return (normalize(name) for name in table(package.get("dependencies")))


def asked_groups(project: str) -> dict[str, list[str]]:
    """What a pyproject.toml asks for: names by group, from Poetry's tables and from PEP 621 and 735.

    What cannot be read asks for nothing: the lock is what is audited.
    """
    try:
        values = read_lock_toml(project, "pyproject.toml", whole=True)
    except Rejected:
        return {}
    poetry = table(table(values.get("tool")).get("poetry"))
    standard = table(values.get("project"))
    found: dict[str, list[str]] = {PRODUCTION: []}
    found[PRODUCTION] += _names(table(poetry.get("dependencies")), {"python"})
    found[PRODUCTION] += _named(texts(standard.get("dependencies")))
    for extra, wanted in table(standard.get("optional-dependencies")).items():
        found.setdefault(extra, []).extend(_named(texts(wanted)))
    if old := table(poetry.get("dev-dependencies")):
        found.setdefault("dev", []).extend(_names(old, set()))
    for group, inner in table(poetry.get("group")).items():
        found.setdefault(group, []).extend(_names(table(table(inner).get("dependencies")), set()))
    for group, wanted in table(values.get("dependency-groups")).items():
        found.setdefault(group, []).extend(_named(texts(wanted)))
        for included in some_tables(wanted):
            other = table(values.get("dependency-groups")).get(text(included.get("include-group")))
            found[group].extend(_named(texts(other)))
    own = normalize(text(standard.get("name")) or text(poetry.get("name")))
    return {group: [one for one in names if one != own] for group, names in found.items() if names}


def _names(wanted: Iterable[str], without: set[str]) -> list[str]:
    return [normalize(name) for name in wanted if name.lower() not in without]


def _named(requirements: Iterable[str]) -> list[str]:
    from customhouse.formats.inventory.requirement import split_requirement  # noqa: PLC0415 - only for what needs it

    return [found.name for one in requirements if (found := split_requirement(one)) is not None]
