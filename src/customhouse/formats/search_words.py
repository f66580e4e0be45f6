"""Texts to words, the same for what is searched and for what is typed; pure.

A database's own parser reads ``foo-bar``, ``foo.bar`` and ``a/b`` each in its own way. So both databases are given
words that were parted here: runs of letters and digits, in one case, without accents. They hold no character that a
query language knows, which is why no query can be more than a list of words (A48).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MAX_WORD = 64
"""Longer words are cut here; names are shorter, and nobody types more."""
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> Iterator[str]:
    """The words of a text in order: ``Foo-Bär_2`` gives ``foo``, ``bar`` and ``2``."""
    for match in _WORD.finditer(_folded(text)):
        yield match[0][:MAX_WORD]


def name_words(name: str) -> list[str]:
    """The words of a project's name, and all of them as one, so that ``foobar`` finds ``foo-bar``."""
    parts = list(words(name))
    return parts if len(parts) < 2 else [*parts, "".join(parts)[:MAX_WORD]]  # noqa: PLR2004 - one is no pair


def as_name(text: str) -> str:
    """What was typed, as project names are compared: ``Foo Bar`` and ``foo_bar`` give ``foo-bar``."""
    return "-".join(_WORD.findall(_folded(text)))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
