"""Whole numbers that others write: in addresses, in forms, in stored texts."""

from __future__ import annotations

_DIGITS = 15
"""More than any database counts here, and few enough for every column and for JSON."""


def number_of(text: str) -> int | None:
    """A number that is written in ASCII digits; None for every other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
