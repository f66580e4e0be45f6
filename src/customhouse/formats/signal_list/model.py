"""A dated list of one signal by project, as somebody publishes it: values, and what each signal's values look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from customhouse.terms.numbers import number_of

MAX_BYTES = 64 * 2**20
MAX_ROWS = 1_000_000
MAX_BAD = 20
"""Bad lines that are named; the others would say the same."""
FACTORS = ("all", "any", "none")
YES = ("", "yes", "true", "1", "critical")


@dataclass(frozen=True, slots=True)
class SignalList:
    """One list: what it says of each project, and of which day it is if it says that itself."""

    values: Mapping[str, str]
    """By normalised name: a number, a word, or a moment in ISO 8601."""
    dated: date | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line or row that cannot be read."""

    where: str
    """``line 17``, ``row 3``."""
    why: str


def _number(text: str) -> str | None:
    number = number_of(text.strip())
    return None if number is None else str(number)


def _factor(text: str) -> str | None:
    return text.strip().lower() if text.strip().lower() in FACTORS else None


def _moment(text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None


def _mark(text: str) -> str | None:
    return "yes" if text.strip().lower() in YES else None


@dataclass(frozen=True, slots=True)
class Values:
    """What a signal's values look like in a file."""

    read: Callable[[str], str | None]
    """The value as it is kept; None for what is none."""
    wanted: str
    """For people."""
    columns: tuple[str, ...]
    """Names of the column that holds it, in lower case."""
    optional: bool = False
    """Whether a list of names alone says it."""


VALUES: Mapping[str, Values] = {
    "downloads": Values(_number, "a whole number", ("downloads", "download_count", "num_downloads", "count", "value")),
    "dependents": Values(_number, "a whole number", ("dependents", "dependent_count", "count", "value")),
    "owners": Values(_number, "a whole number", ("owners", "owner_count", "count", "value")),
    "owner-2fa": Values(_factor, "all, any or none", ("owner-2fa", "owner_2fa", "2fa", "value")),
    "owner-changed": Values(
        _moment, "a day as 2026-11-01 or a moment in ISO 8601", ("owner-changed", "owner_changed", "changed", "value")
    ),
    "critical": Values(_mark, "yes, or nothing", ("critical", "value"), optional=True),
}
NAMES = ("project", "name", "package", "project_name", "package_name")
"""Names of the column that holds the project's, in lower case."""
