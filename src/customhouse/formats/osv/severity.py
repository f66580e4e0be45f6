"""How bad it is: a level, and the CVSS base score it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from customhouse.formats.osv.model import Record, Severity


class Level(IntEnum):
    """The words of CVSS 4.0, section 6 (the same as of 3.1), in order; unknown is what nobody has scored."""

    UNKNOWN = 0
    NONE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        """The level in lower case."""
        return self.name.lower()


class Score(NamedTuple):
    """A base score from 0.0 to 10.0 and its level; None if there is no vector that we can read."""

    level: Level
    base: float | None = None
    vector: str = ""


MALWARE = "MAL-"
"""How the ids of records on malicious packages begin. Nobody scores them; nothing is worse."""
UNSCORED = Score(Level.UNKNOWN)
_BOUNDS = ((9.0, Level.CRITICAL), (7.0, Level.HIGH), (4.0, Level.MEDIUM), (0.1, Level.LOW), (0.0, Level.NONE))
_WORDS = {
    "critical": Level.CRITICAL,
    "high": Level.HIGH,
    "moderate": Level.MEDIUM,
    "medium": Level.MEDIUM,
    "low": Level.LOW,
}


def level_of(base: float) -> Level:
    """The level of a base score."""
    return next(level for bound, level in _BOUNDS if base >= bound)


def score_of(record: Record) -> Score:
    """The highest score that a record gives: its vectors first, else the word that GitHub's database has.

    Malware is critical without any score.
    """
    every = [*record.severity, *(one for affected in record.affected for one in affected.severity)]
    scores = [score for one in every if (score := read_score(one)) is not None]
    if scores:
        return max(scores, key=lambda one: one.base or 0.0)
    if record.id.startswith(MALWARE):
        return Score(Level.CRITICAL)
    word = record.document.get("database_specific") or {}
    named = word.get("severity") if isinstance(word, dict) else None
    return Score(_WORDS[named.lower()]) if isinstance(named, str) and named.lower() in _WORDS else UNSCORED


def highest(scores: Iterable[Score]) -> Score:
    """The worst of several; unscored if there is none."""
    return max(scores, key=lambda one: (one.level, one.base or 0.0), default=UNSCORED)


def read_score(severity: Severity) -> Score | None:
    """The base score of a CVSS vector; None for one that cannot be read, and for words of distributions."""
    # cvss takes a while to load; an audit reads levels from its snapshot and never comes here.
    from cvss import CVSS2, CVSS3, CVSS4, CVSSError  # type: ignore[import-untyped]  # noqa: PLC0415

    makers = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}
    maker = makers.get(severity.kind)
    if maker is None or len(severity.score) > 500:  # noqa: PLR2004 - no vector is that long
        return None
    try:
        base = float(maker(severity.score).base_score)
    except (CVSSError, ValueError):
        return None
    return Score(level_of(base), base, severity.score)
