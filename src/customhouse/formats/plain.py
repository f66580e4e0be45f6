"""Texts of an index as a terminal may show them: no escape sequence, no line of their own, not endless (A52)."""

from __future__ import annotations

from customhouse.formats.visible import visible_parts

LONGEST = 600


def plain(text: object, limit: int = LONGEST) -> str:
    """One line of text in which every character that has no picture is written as its number, as U+001B."""
    line = " ".join(str(text)[: 4 * limit].split())
    shown = "".join(part.text for part in visible_parts(line))
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
