"""What each of the four levels would do to a lock: how much of it breaks, and what the step buys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import NamedTuple

from customhouse.formats.policy.level_texts import LEVELS
from customhouse.formats.policy.levels import level
from customhouse.terms.errors import Unavailable
from customhouse.terms.versions import specifiers_of, version_of
from customhouse.views.model import View
from customhouse.views.simulate.judge import BESIDES, Judge, verdict_of, wait_days
from customhouse.views.simulate.model import Verdict, Wanted
from customhouse.views.simulate.there import Looking, There

SECONDS = 15.0
MOST_RULES = 60
"""Of so many refused versions all rules are looked up: so many are shown with exceptions."""


class Asked(NamedTuple):
    """One project of a lock. Without a version the newest counts that fits the specifier."""

    name: str
    version: str = ""
    specifier: str = ""


@dataclass
class AtLevel:
    """What one level does to the lock."""

    name: str
    verdicts: list[Verdict] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    never: int = 0
    """Newest versions that are never let in by themselves."""

    @property
    def refused(self) -> list[Verdict]:
        """What is kept back."""
        return [one for one in self.verdicts if one.refused]

    @property
    def warned(self) -> int:
        """How many are let in with a warning."""
        return sum(one.action == "warn" for one in self.verdicts)

    @property
    def let_in(self) -> int:
        """How many are let in, and nothing is said."""
        return sum(one.action == "allow" for one in self.verdicts)

    @property
    def avoided(self) -> frozenset[str]:
        """Known vulnerabilities of the versions that are kept back."""
        return frozenset(name for one in self.refused for name in one.vulnerabilities)

    @property
    def median_wait(self) -> float:
        """How many days the newest versions wait, in the median of those that are let in by themselves."""
        return median(self.waits) if self.waits else 0.0


@dataclass
class Levels:
    """A lock under every level."""

    at: list[AtLevel]
    missing: list[str] = field(default_factory=list)
    """Projects or versions that the view does not have, or that are not known here."""
    left: list[str] = field(default_factory=list)
    """Projects for which there was no time, or whose upstream is away."""

    @property
    def looked_at(self) -> int:
        """How many were judged."""
        return len(self.at[0].verdicts)


def under_every_level(
    looking: Looking, view: View, asked: Sequence[Asked], now: datetime, *, seconds: float = SECONDS
) -> Levels:
    """Try the four levels; what cannot be looked up within the time is told."""
    policies = {name: level(name) for name in LEVELS}
    wants = BESIDES.union(*(one.signals for one in policies.values()))
    found = Levels([AtLevel(name) for name in LEVELS])
    deadline = time.monotonic() + seconds
    for one in dict.fromkeys(asked):
        if time.monotonic() > deadline:
            found.left.append(one.name)
            continue
        try:
            there = looking.there(view, one.name, wants=wants)
        except Unavailable:
            found.left.append(one.name)
            continue
        wanted = Wanted(one.name, one.version or (_newest(there, one.specifier) if there is not None else ""))
        if there is None or not wanted.version:
            found.missing.append(f"{one.name} {one.version}".rstrip())
            continue
        judges = [Judge(policies[name], there, now) for name in LEVELS]
        verdicts = [
            verdict_of(wanted, judge, judges[0], rules=len(at.refused) < MOST_RULES)
            for at, judge in zip(found.at, judges, strict=True)
        ]
        if not verdicts[0].found:
            found.missing.append(f"{one.name} {one.version}")
            continue
        for at, judge, verdict in zip(found.at, judges, verdicts, strict=True):
            at.verdicts.append(verdict)
            _wait(at, judge, there)
    return found


def _wait(at: AtLevel, judge: Judge, there: There) -> None:
    newest = next(iter(there.by_version.values()), None)
    days = wait_days(judge, newest[0]) if newest is not None else None
    if days is None:
        at.never += 1
    else:
        at.waits.append(days)


def _newest(there: There, specifier: str) -> str:
    """The newest version that fits, pre-releases only if there is nothing else."""
    bounds = specifiers_of(specifier) if specifier else None
    fits = [one for one in there.by_version if bounds is None or bounds.contains(one, prereleases=True)]
    usual = (one for one in fits if (parsed := version_of(one)) is not None and not parsed.is_prerelease)
    return next(usual, fits[0] if fits else "")
