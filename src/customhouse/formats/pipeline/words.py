"""Durations as pipelines write them: ``30m``, ``24h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta

_WRITTEN = re.compile(r"([1-9]\d{0,5})([mhd])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LONGEST_DURATION = timedelta(days=3650)
DURATION_EXAMPLE = "a number and m, h or d, like 30m"


def duration_of(text: str) -> timedelta | None:
    """The duration; None for what is none, and for more than ten years."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    length = int(found[1]) * _UNITS[found[2]]
    return length if length <= LONGEST_DURATION else None
