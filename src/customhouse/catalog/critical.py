"""Which projects are critical: the rule, the ranks, and how much of all downloads so many projects cover; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from itertools import accumulate
from typing import Literal

from customhouse.terms.errors import Rejected

Source = Literal["rule", "list", "dependency", "operator"]
WINDOW_DAYS = 180
_RULE = re.compile(r"off|(?P<number>[0-9]{1,7})|(?P<share>[0-9]{1,3}(?:\.[0-9]{1,3})?)%", re.ASCII)
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """How many of the most downloaded projects are critical: a share of all, a number, or none."""

    text: str
    share: Fraction | None = None
    number: int = 0

    @classmethod
    def parse(cls, text: str) -> Rule:
        """``1%``, ``100`` or ``off``; raises `Rejected`."""
        found = _RULE.fullmatch(text.strip())
        share = Fraction(found["share"]) if found is not None and found["share"] else None
        if found is None or (share is not None and share > _WHOLE):
            raise Rejected("bad-rule", "rule", f"{text[:40]!r} says not how many", "a share as 1%, a number, or off")
        return cls(found[0], share, int(found["number"] or 0))

    def picks(self, projects: int) -> int:
        """How many of so many projects; a share is rounded up."""
        if self.share is None:
            return min(self.number, projects)
        return -(-projects * self.share.numerator // (_WHOLE * self.share.denominator))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A project's place among all by downloads, the most downloaded first."""

    normalized: str
    rank: int
    downloads: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A critical mark as people see it."""

    normalized: str
    reason: str
    source: Source
    marked_at: datetime
    rank: int | None
    downloads: int | None
    display: str = ""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """So many projects have so much of all downloads."""

    projects: int
    downloads: int
    share: float


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted on a day: `curve` is measured, not assumed."""

    day: date
    since: date
    rule: str
    projects: int
    downloads: int
    marked: int
    marked_downloads: int
    curve: tuple[CurvePoint, ...]

    @property
    def marked_share(self) -> float:
        """The share of all downloads that critical projects have."""
        return self.marked_downloads / self.downloads if self.downloads else 0.0


def chosen(ranked: Sequence[Ranked], projects: int, rule: Rule) -> list[Ranked]:
    """The most downloaded ones by a rule. Who was never downloaded is never chosen."""
    return [one for one in ranked[: rule.picks(projects)] if one.downloads]


def curve_of(downloads: Sequence[int], projects: int) -> list[tuple[int, int]]:
    """Pairs of "so many projects" and "their downloads", some 10 for each power of ten.

    ``downloads`` are those of each project that has any, the largest first.
    """
    sums = list(accumulate(downloads))
    steps = sorted({min(number, len(sums)) for number in _steps(len(sums))} - {0})
    points = [(number, sums[number - 1]) for number in steps]
    if projects > len(sums):
        points.append((projects, sums[-1] if sums else 0))
    return points


def _steps(most: int) -> list[int]:
    steps, unit = [], 1
    while unit <= most:
        steps += [unit * tenth // 10 for tenth in (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)]
        unit *= 10
    return [*steps, most]
