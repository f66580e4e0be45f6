"""Reads names of the Common Platform Enumeration: the formatted string of 2.3 and the URI of 2.2 (NISTIR 7695)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from customhouse.formats.cve.model import Cpe

LONGEST = 1000
_COLON = re.compile(r"(?<!\\):")
_ESCAPED = re.compile(r"\\(.)")
_PARTS_23 = 13
_VENDOR, _PRODUCT, _VERSION, _TARGET = 3, 4, 5, 10


def read_cpe(text: object) -> Cpe | None:
    """The name; None for what is none."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    if text.startswith("cpe:2.3:"):
        parts = text.split(":")
        if "\\" in text:
            parts = [_ESCAPED.sub(r"\1", part) for part in _COLON.split(text)]
        if len(parts) != _PARTS_23:
            return None
        return Cpe(parts[2], parts[_VENDOR], parts[_PRODUCT], parts[_VERSION], parts[_TARGET])
    if text.startswith("cpe:/"):
        parts = [unquote(part) for part in text.removeprefix("cpe:/").split(":")]
        if len(parts) <= 2:  # noqa: PLR2004 - part, vendor, product are the least
            return None
        return Cpe(parts[0], parts[1], parts[2], parts[3] if len(parts) > 3 and parts[3] else "*")  # noqa: PLR2004
    return None
