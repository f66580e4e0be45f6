"""What this very program needs to run: the distributions that its own metadata asks for, and theirs in turn."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

OURSELVES = "customhouse"


def own_dependencies(of: str = OURSELVES) -> frozenset[str]:
    """The normalised names of everything that an installed distribution needs here at run time, itself left out.

    Extras count where somebody asks for them, markers are those of this interpreter. What is not installed is a leaf.
    """
    found: set[tuple[str, str]] = set()
    waiting = [(str(canonicalize_name(of)), "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for one in _needed(name, extra):
            needed = str(canonicalize_name(one.name))
            waiting += [(needed, ""), *((needed, wanted) for wanted in one.extras)]
    return frozenset(name for name, _ in found) - {str(canonicalize_name(of))}


def _needed(name: str, extra: str) -> list[Requirement]:
    try:
        texts = requires(name) or []
    except PackageNotFoundError:
        return []
    needed = []
    for text in texts:
        try:
            one = Requirement(text)
        except InvalidRequirement:  # an old package; it is no reason to stop
            continue
        if one.marker is None or one.marker.evaluate({"extra": extra}):
            needed.append(one)
    return needed
