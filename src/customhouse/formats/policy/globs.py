"""Patterns of names: ``*`` any characters, ``?`` one, ``[abc]`` one of these; projects compared as PEP 503 says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate

_SEPARATORS = re.compile(r"[-_.]+")
_ANYTHING = frozenset("*")
_ONE_OF = re.compile(r"\[!?[^\[\]]+\]")
_OF_NAMES = re.compile(r"[A-Za-z0-9*?]|[A-Za-z0-9*?][A-Za-z0-9._*?-]*[A-Za-z0-9*?]")
_EXTRAS = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9]\[(?:[A-Za-z]{3,}|[^\[\]]*,[^\[\]]*)\]")
LONGEST_PATTERN = 200
MOST_STARS = 5
"""More of them in one pattern make comparing slow."""


def is_usable(pattern: str) -> bool:
    """Whether the pattern is short and simple enough to be compared quickly with any text."""
    return len(pattern) <= LONGEST_PATTERN and pattern.count("*") <= MOST_STARS


def project_pattern(pattern: str) -> str:
    """The pattern in the spelling in which projects are compared."""
    return _SEPARATORS.sub("-", pattern).lower()


def may_be_a_name(pattern: str) -> bool:
    """Whether any project could be called so. ``torch==2.9``, ``requests[socks]`` and ``.*`` are no names."""
    return _EXTRAS.fullmatch(pattern) is None and _OF_NAMES.fullmatch(_ONE_OF.sub("x", pattern)) is not None


def matcher_of(patterns: Iterable[str]) -> Callable[[str], object]:
    """Whether one of the patterns is the whole of a text, without regard to case."""
    found = tuple(patterns)
    if any(frozenset(one) == _ANYTHING for one in found):
        return lambda _text: True
    exact = frozenset(one.lower() for one in found if not re.search(r"[*?\[]", one))
    if len(exact) == len(found):
        return lambda text: text.lower() in exact
    return re.compile("|".join(translate(one) for one in found), re.IGNORECASE | re.DOTALL).match
