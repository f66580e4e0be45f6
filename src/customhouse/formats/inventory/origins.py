"""Who brought it in, as far as an installed environment can tell: edges, and what the user asked for himself.

Installers note in REQUESTED what the user named. Where every package bears it (a lock was installed, or uv did it), or
none does, it tells nothing: then whatever nobody requires counts as asked for.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from customhouse.formats.inventory.marks import Marks
from customhouse.formats.inventory.model import Component, Edge
from customhouse.formats.inventory.requirement import Requirement

_EXTRA = re.compile(r"\bextra\s*==\s*['\"]([A-Za-z0-9._-]+)['\"]")


@dataclass(frozen=True, slots=True)
class Unrooted:
    """One installed package before it is known who asked for it."""

    component: Component
    requires: tuple[Requirement, ...]
    requested: bool = False


def with_origins(packages: Sequence[Unrooted], marks: Marks) -> tuple[Component, ...]:
    """The components with their edges and with what was asked for, in the order given."""
    informative = any(one.requested for one in packages) and not all(one.requested for one in packages)
    extras = _extras_asked_for(packages, marks)
    edges = [
        [r for r in one.requires if marks.hold(r.marker, extras.get(one.component.name, frozenset()))]
        for one in packages
    ]
    if informative:
        _explain_by_extras(packages, edges, marks)
    required = {r.name for one, held in zip(packages, edges, strict=True) for r in held if r.name != one.component.name}
    direct = [
        one.component.name not in required or (informative and one.requested) for one in packages
    ]  # fmt: skip
    reached = _reached([one.component.name for one, yes in zip(packages, direct, strict=True) if yes], packages, edges)
    for order, one in enumerate(packages):
        # A circle of packages that only require each other was asked for somewhere.
        if one.component.name not in reached:
            direct[order] = True
            reached |= _reached([one.component.name], packages, edges)
    return tuple(
        replace(
            one.component,
            direct=yes,
            requires=tuple(dict.fromkeys(Edge(r.name, r.specifier, r.marker) for r in held)),
        )
        for one, held, yes in zip(packages, edges, direct, strict=True)
    )


def _extras_asked_for(packages: Sequence[Unrooted], marks: Marks) -> dict[str, frozenset[str]]:
    """Which extras of each package somebody requires: ``uvicorn[standard]``."""
    by_name: dict[str, list[Unrooted]] = {}
    for one in packages:
        by_name.setdefault(one.component.name, []).append(one)
    found: dict[str, frozenset[str]] = {}
    todo = deque(packages)
    while todo:
        one = todo.popleft()
        own = found.get(one.component.name, frozenset())
        for r in one.requires:
            if r.extras and not r.extras <= found.get(r.name, frozenset()) and marks.hold(r.marker, own):
                found[r.name] = found.get(r.name, frozenset()) | r.extras
                todo.extend(by_name.get(r.name, ()))
    return found


def _explain_by_extras(packages: Sequence[Unrooted], edges: Sequence[list[Requirement]], marks: Marks) -> None:
    """What nobody asked for and nobody requires came with an extra: ``pip install "httpx[http2]"`` notes no extras."""
    required = {r.name for held in edges for r in held}
    orphans = {one.component.name for one in packages if not one.requested} - required
    for one, held in zip(packages, edges, strict=True):
        held += [
            r
            for r in one.requires
            if r.name in orphans and r not in held and marks.hold(r.marker, frozenset(_EXTRA.findall(r.marker)))
        ]


def _reached(names: Iterable[str], packages: Sequence[Unrooted], edges: Sequence[list[Requirement]]) -> set[str]:
    onward: dict[str, set[str]] = {}
    for one, held in zip(packages, edges, strict=True):
        onward.setdefault(one.component.name, set()).update(r.name for r in held)
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(onward.get(name, ()))
    return found
