"""Names as forges compare them."""

from __future__ import annotations


def same_letters(one: str, other: str) -> bool:
    """Whether two texts are equal where upper and lower case of ASCII are one; nothing is equal to nothing.

    Other letters are only equal to themselves: U+212A, the sign of Kelvin, has ``k`` for its lower case.
    """
    return bool(one) and in_small_letters(one) == in_small_letters(other)


def in_small_letters(text: str) -> str:
    """The text in lower case, if it is all ASCII; any other as it is, and so never equal to one that is."""
    return text.lower() if text.isascii() else text
