"""Telling names that look like a popular one: how typosquatting begins. A signal, never a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from importlib.resources import files

from customhouse.terms.names import ProjectName

MIN_LENGTH = 4
"""Below it nearly every name is one letter from another."""


@cache
def popular_names() -> frozenset[str]:
    """Normalised names of the most-downloaded projects on PyPI; source and date stand in the file's header."""
    text = (files("customhouse.formats") / "data" / "popular_names.txt").read_text()
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def _popular_shapes() -> Mapping[str, str]:
    return shapes_of(popular_names())


def shapes_of(names: Iterable[str]) -> Mapping[str, str]:
    """The first of these normalised names by what is left of each once look-alike characters are set aside."""
    return {ProjectName(name).ultranormalized: name for name in sorted(names, reverse=True)}


def look_alike(normalized: str, popular: AbstractSet[str], shapes: Mapping[str, str] | None = None) -> str | None:
    """The popular name that this one could be mistaken for, or None.

    Either both are equal once separators and look-alike characters are set aside, or they are one edit apart: a letter
    dropped, added, changed, or two neighbours swapped. ``shapes`` are `shapes_of` the popular names, if they are not
    `popular_names`.
    """
    if normalized in popular or len(normalized) < MIN_LENGTH:
        return None
    shape = ProjectName(normalized).ultranormalized
    twin = (_popular_shapes() if popular is popular_names() else shapes or {}).get(shape)
    if twin is not None and twin != normalized:
        return twin
    return min((name for name in _one_edit_away(normalized) if name in popular), default=None)


def _one_edit_away(name: str) -> set[str]:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
    splits = [(name[:cut], name[cut:]) for cut in range(len(name) + 1)]
    dropped = {head + tail[1:] for head, tail in splits if tail}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in splits if len(tail) > 1}
    changed = {head + letter + tail[1:] for head, tail in splits if tail for letter in letters}
    added = {head + letter + tail for head, tail in splits for letter in letters}
    return (dropped | swapped | changed | added) - {name}
