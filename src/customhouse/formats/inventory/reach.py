"""Which groups a locked package belongs to: those from whose requirements it can be reached."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def groups_of(roots: Mapping[str, Iterable[Node]], onward: Callable[[Node], Iterable[Node]]) -> dict[Node, set[str]]:
    """For each node that can be reached, the groups whose roots lead to it. Circles are no trouble."""
    found: dict[Node, set[str]] = {}
    for group, nodes in roots.items():
        todo = list(nodes)
        while todo:
            node = todo.pop()
            groups = found.setdefault(node, set())
            if group not in groups:
                groups.add(group)
                todo.extend(onward(node))
    return found
