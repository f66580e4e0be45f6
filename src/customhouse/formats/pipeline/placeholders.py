"""Placeholders in texts: ``{version}``. A brace stands only around a name, so a text has one meaning or none."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_PIECE = re.compile(r"\{([a-z][a-z0-9_]*)\}|[{}]", re.ASCII)
OWN = ("tag", "project")
"""What can be said beside the parameters."""
ARTIFACT = "artifact"
"""In names of signatures: the name of the file that is signed."""


def placeholder_fault(text: str, known: Collection[str]) -> tuple[str, str] | None:
    """What is wrong with a text: why, and the name that is not known (empty for a lone brace)."""
    for found in _PIECE.finditer(text):
        name = found[1]
        if name is None:
            return (f"a {found[0]!r} that is not around a name", "")
        if name not in known:
            return (f"nothing is called {{{name}}}", name)
    return None


def names_in(text: str) -> tuple[str, ...]:
    """The names that a text asks for, in order."""
    return tuple(found[1] for found in _PIECE.finditer(text) if found[1])


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each placeholder replaced once; a value is never read again. Unknown names stay as they are."""
    return _PIECE.sub(lambda found: values.get(found[1], found[0]) if found[1] else found[0], text)
