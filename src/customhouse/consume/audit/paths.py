"""Who brought a component in: the paths from what the user asked for down to it, the shortest first, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from customhouse.formats.inventory.model import Component

MOST_PATHS = 3
LONGEST_PATH = 30
MOST_STEPS = 2_000
"""How many half paths are looked at for one component: a lock of thousands in a knot must not hold the audit up."""


class Origins:
    """The requirements of one subject, to be walked upwards."""

    def __init__(self, components: Iterable[Component]) -> None:
        everyone = list(components)
        self._above: dict[str, list[str]] = {}
        below: dict[str, list[str]] = {}
        present = {one.name for one in everyone}
        for one in everyone:
            for edge in one.requires:
                if edge.requires in present and edge.requires != one.name:
                    self._above.setdefault(edge.requires, []).append(one.name)
                    below.setdefault(one.name, []).append(edge.requires)
        self._asked = {one.name for one in everyone if one.direct} or present - set(self._above)
        self._distance = _distances(self._asked, below)

    def paths(self, name: str) -> tuple[tuple[str, ...], ...]:
        """At most `MOST_PATHS` of them; none if nobody knows who asked for it."""
        if name not in self._distance:
            return ()
        found: list[tuple[str, ...]] = []
        half: deque[tuple[str, ...]] = deque([(name,)])
        for _ in range(MOST_STEPS):
            if not half or len(found) == MOST_PATHS:
                break
            path = half.popleft()
            if path[0] in self._asked:
                found.append(path)
                continue
            if len(path) == LONGEST_PATH:
                continue
            nearer = sorted(set(self._above.get(path[0], ())) - set(path), key=lambda one: (self._rank(one), one))
            half.extend((one, *path) for one in nearer if one in self._distance)
        return tuple(found)

    def _rank(self, name: str) -> int:
        return self._distance.get(name, LONGEST_PATH)


def _distances(asked: Iterable[str], below: Mapping[str, list[str]]) -> dict[str, int]:
    distance = dict.fromkeys(asked, 0)
    waiting = deque(distance)
    while waiting:
        name = waiting.popleft()
        for one in below.get(name, ()):
            if one not in distance:
                distance[one] = distance[name] + 1
                waiting.append(one)
    return distance
