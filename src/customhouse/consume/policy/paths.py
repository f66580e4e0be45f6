"""Through which path a project is needed of which no version is left: read in metadata, never only in uv's prose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from customhouse.consume.audit.blocked import applies
from customhouse.consume.audit.paths import Origins
from customhouse.consume.policy.model import Dead, Root, Step, Verdict
from customhouse.consume.policy.resolve import Chosen
from customhouse.formats.inventory.model import Component, Edge
from customhouse.formats.inventory.requirement import Requirement, split_requirement
from customhouse.terms.versions import specifiers_of, version_of

MOST_SHOWN = 8


class Pages(Protocol):
    """What a simple repository says of projects."""

    def versions(self, name: str) -> Sequence[str] | None:
        """Every version that it lists; None if nobody can say."""
        ...

    def requires(self, name: str, version: str) -> Sequence[Requirement] | None:
        """What a release requires, by its metadata; None if nobody can say."""
        ...


def dead_end(
    name: str, plan: Sequence[Chosen], roots: Sequence[Root], whole: Pages, offered: Pages, decided: Sequence[Verdict],
) -> Dead:  # fmt: skip
    """Why a project is needed, what would fit, and what is left of it.

    ``plan`` is a solution in which it is excepted; ``whole`` lists everything, ``offered`` what the policy lets
    through; ``decided`` are verdicts of its versions.
    """
    versions = {one.name: one.version for one in plan}
    paths = tuple(_steps(path, versions, roots, whole) for path in _paths(name, plan, roots))
    asked = [split_requirement(path[-1].requirement) for path in paths if path]
    bounds = ",".join(one.specifier for one in asked if one is not None and one.specifier)
    listed = whole.versions(name) or ()
    left = _newest_first(offered.versions(name) or ())
    fits = [one for one in _newest_first(listed) if _fits(one, bounds) and one not in left]
    said = {one.version: one for one in decided if one.name == name}
    hidden = tuple((one, said[one].rule, said[one].reason) for one in fits if one in said and said[one].refused)
    return Dead(name, paths, hidden[:MOST_SHOWN], tuple(left[:MOST_SHOWN]))


def _paths(name: str, plan: Sequence[Chosen], roots: Sequence[Root]) -> Sequence[tuple[str, ...]]:
    asked = {got.name for one in roots if (got := split_requirement(one.text)) is not None}
    below: dict[str, list[Edge]] = {}
    for one in plan:
        for who in one.by:
            below.setdefault(who, []).append(Edge(one.name))
    components = [
        Component(one.name, one.version, "", direct=one.name in asked, requires=tuple(below.get(one.name, ())))
        for one in plan
    ]
    found = list(Origins(components).paths(name))
    if name in asked and (name,) not in found:
        found.insert(0, (name,))
    # Who else requires it bounds it too, even if the shortest way does not lead past him.
    for who in next((one.by for one in plan if one.name == name), ()):
        if not any(len(path) > 1 and path[-2] == who for path in found):
            found += [(*path, name) for path in Origins(components).paths(who)[:1]]
    return found


def _steps(path: Sequence[str], versions: dict[str, str], roots: Sequence[Root], whole: Pages) -> tuple[Step, ...]:
    first = next((one for one in roots if (got := split_requirement(one.text)) and got.name == path[0]), None)
    steps = [Step(first.place, first.text, confirmed=True) if first else Step("you", path[0], confirmed=False)]
    for holder, needed in pairwise(path):
        version = versions.get(holder, "")
        told = [one for one in whole.requires(holder, version) or () if one.name == needed and applies(one.marker)]
        bound = ",".join(one.specifier for one in told if one.specifier)
        steps.append(Step(f"{holder} {version}", f"{needed}{bound}", confirmed=bool(told)))
    return tuple(steps)


def _fits(version: str, bounds: str) -> bool:
    found = specifiers_of(bounds) if bounds else None
    return found is None or found.contains(version, prereleases=True)


def _newest_first(versions: Sequence[str]) -> list[str]:
    return [text for _, text in sorted(_parsed(versions), reverse=True)]


def _parsed(versions: Sequence[str]) -> Iterator[tuple[object, str]]:
    for one in versions:
        parsed = version_of(one)
        if parsed is not None:
            yield parsed, one
