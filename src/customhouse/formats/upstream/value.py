"""Single values of a page, each checked; what is not as it should be becomes "not said"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from packaging.version import InvalidVersion, Version

from customhouse.formats.simple import ProjectStatus

LONGEST_REASON = 1000
LONGEST_SPECIFIER = 300
LONGEST_VERSION = 128
LONGEST_TIME = 40
MOST_BYTES = 2**50
"""No file is a pebibyte long."""
DIGESTS = {"sha512": 128, "sha384": 96, "sha256": 64, "sha224": 56, "sha1": 40, "md5": 32, "blake2b_256": 64}
"""Hexadecimal digits of each algorithm that some index has used, the strongest first."""
SIGNAL_DEPTH = 5
SIGNAL_ITEMS = 200
SIGNAL_CHARACTERS = 1000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_STATUSES: dict[str, ProjectStatus] = {
    "active": "active", "archived": "archived", "quarantined": "quarantined", "deprecated": "deprecated",
}  # fmt: skip


def clean(value: object, limit: int) -> str:
    """A text without control characters, at most ``limit`` characters long; empty for what is none."""
    return _CONTROL.sub(" ", value[: limit + 1]).strip()[:limit] if isinstance(value, str) else ""


def digest(algorithm: str, value: object) -> str:
    """The digest in lower case, or empty if it is none of that algorithm."""
    length = DIGESTS.get(algorithm.lower())
    if length is None or not isinstance(value, str) or len(value) != length:
        return ""
    lower = value.lower()
    return lower if _HEX.fullmatch(lower) else ""


def size(value: object) -> int | None:
    """A size in bytes."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_BYTES:
        return None
    return value


def moment(value: object) -> datetime | None:
    """An upload time (PEP 700). Without a zone it is UTC, as PyPI's older API means it."""
    if not isinstance(value, str) or len(value) > LONGEST_TIME or (match := _TIME.fullmatch(value)) is None:
        return None
    if (fraction := match[1]) is not None:
        # At most six digits of a second, and Python 3.11 wants exactly three or six.
        value = value.replace(f".{fraction}", f".{fraction[:6]:0<6}")
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def specifier(value: object) -> str | None:
    """What Pythons a file wants. Not parsed: installers forgive what is no specifier, each in its own way."""
    return clean(value, LONGEST_SPECIFIER) or None


def version(value: object) -> str | None:
    """A version in its normal form (PEP 440)."""
    if not isinstance(value, str) or len(value) > LONGEST_VERSION:
        return None
    try:
        return str(Version(value))
    except InvalidVersion:
        return None


def status(value: object) -> ProjectStatus:
    """A project's status (PEP 792). A word that we do not know stops nobody from installing: ``active``."""
    return _STATUSES.get(value, "active") if isinstance(value, str) else "active"


def signals(value: object) -> dict[str, object]:
    """What another Customhouse says under ``_customhouse``; empty if it is not a small object of JSON."""
    if not isinstance(value, Mapping):
        return {}
    left = [SIGNAL_ITEMS]
    found = _small(value, SIGNAL_DEPTH, left)
    return found if isinstance(found, dict) and left[0] >= 0 else {}


def _small(value: object, depth: int, left: list[int]) -> object:
    """The same without control characters; ``left`` counts items down, below zero there were too many."""
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        left[0] = -1
        return None
    match value:
        case str():
            return clean(value, SIGNAL_CHARACTERS)
        case bool() | None | float():
            return value
        case int():
            return value if abs(value) <= MOST_BYTES else None
        case Mapping():
            return {clean(key, 100): _small(inner, depth - 1, left) for key, inner in value.items()}
        case list():
            return [_small(inner, depth - 1, left) for inner in value]
    return None
