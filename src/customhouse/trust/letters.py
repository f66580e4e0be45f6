"""Names as forges compare them."""

from __future__ import annotations


def same_letters(one: str, other: str) -> bool:
    """Whether two texts are equal where upper and lower case of ASCII are one; nothing is equal to nothing.

    Other letters are only equal to themselves: U+212A, the sign of Kelvin, has ``k`` for its lower case.
    """
    return bool(one) and (one == other or (one.isascii() and other.isascii() and one.lower() == other.lower()))
