"""Durations as policies write them: ``12h``, ``7d``, ``2w``, ``1y`` (365 days)."""

from __future__ import annotations

import re
from datetime import timedelta

_WRITTEN = re.compile(r"(\d{1,6})\s*([hdwy])", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
LONGEST = timedelta(days=36500)
EXAMPLE = "a number and h, d, w or y, like 7d"


def duration_of(text: str) -> timedelta | None:
    """The duration; None for what is none, and for more than a hundred years."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    length = int(found[1]) * _UNITS[found[2]] if int(found[1]) <= LONGEST.days * 24 else None
    return length if length is not None and length <= LONGEST else None


def duration_words(length: timedelta) -> str:
    """The duration for people: "7 days", "36 hours"."""
    hours = round(length.total_seconds() / 3600)
    number, unit = (hours // 24, "day") if hours % 24 == 0 and hours else (hours, "hour")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
