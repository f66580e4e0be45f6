"""Sizes as people type them."""

from __future__ import annotations

import re

from customhouse.terms.errors import Rejected

_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,3}))?\s*(?:([kmgt])(?:i?b)?|b(?:ytes)?)?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str, *, where: str = "size") -> int:
    """``500 MB``, ``1.5 GiB`` or ``4096``, in bytes. Units are powers of 1,024; raises `Rejected` otherwise."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise Rejected("bad-size", where, f"{text[:40]!r} is no size", "a number and B, kB, MB, GB or TB")
    whole, part, unit = match[1], match[2] or "", (match[3] or "").lower()
    scale: int = 1024 ** _POWERS[unit]
    return int(whole) * scale + (int(part) * scale // 10 ** len(part) if part else 0)
