"""Showing text as it is, when its author may want it to look otherwise.

A comment with an override in it hides the code behind it ("Trojan Source", CVE-2021-42574); characters without a
picture carry whole programs past the reader. Where such text is judged, each of them is shown by its number.

Sources: Unicode UAX 9 (bidirectional algorithm), UTS 39 (security mechanisms), UAX 44 (general categories).
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""ARABIC LETTER MARK, the marks, the embeddings and overrides, the isolates."""

# Controls, formats, surrogates, private and unassigned characters, and the separators of lines and paragraphs.
_UNSHOWN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
# Letters and marks without a picture of their own: fillers, the empty Braille cell, variation selectors.
_UNSHOWN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")


class Part(NamedTuple):
    """A piece of text. ``odd`` pieces are one character that would not be seen, written as ``U+202E``."""

    text: str
    odd: bool = False


def visible_parts(text: str) -> list[Part]:
    """The text in pieces, with everything that has no picture written as its number; tabs and blanks stay."""
    if text.isascii() and text.replace("\t", " ").isprintable():
        return [Part(text)] if text else []
    parts: list[Part] = []
    plain: list[str] = []
    for character in text:
        if character in " \t" or not _is_unshown(character):
            plain.append(character)
            continue
        if plain:
            parts.append(Part("".join(plain)))
            plain = []
        parts.append(Part(f"U+{ord(character):04X}", odd=True))
    if plain:
        parts.append(Part("".join(plain)))
    return parts


def _is_unshown(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    return unicodedata.category(character) in _UNSHOWN_CATEGORIES or _UNSHOWN.match(character) is not None
