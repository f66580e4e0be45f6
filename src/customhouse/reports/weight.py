"""Which case an operator should look at first. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from customhouse.reports.automatic import SETTLED_AFTER, Reporter, independent
from customhouse.reports.claim import Kind

KIND_WEIGHTS: dict[Kind, float] = {
    "malware": 100,
    "dependency-confusion": 60,
    "typosquat": 50,
    "spam": 20,
    "something-else": 10,
}
YOUNG_WEIGHT = 30
HELD_WEIGHT = 25
DOWNLOADS_WEIGHT = 15
MAX_VOICES = 5.0


@dataclass(frozen=True, slots=True)
class Gravity:
    """What an open case weighs, and how many of its reporters have nothing in common."""

    weight: int
    independent: int


def gravity(
    kinds: Sequence[Kind],
    reporters: Sequence[Reporter],
    *,
    project_age: timedelta,
    young_for: timedelta,
    held: bool,
    downloads: int | None,
    now: datetime,
) -> Gravity:
    """The heaviest kind times the voices, and more if the project is young, held back already, or much downloaded.

    Reporters who have something in common speak with one voice, that of the most reliable of them, and more than five
    voices say no more than five: a crowd is no proof (A60). A young project is more often malicious than an old one.
    What reports have already taken away must be looked at soon, in case they were wrong. Each tenfold of the downloads
    of 30 days adds the same, where downloads are counted.
    """
    groups = _groups(reporters)
    voices = min(MAX_VOICES, sum(max(voice(one, now) for one in group) for group in groups))
    heaviest = max((KIND_WEIGHTS[kind] for kind in kinds), default=0.0)
    more: float = YOUNG_WEIGHT * (project_age <= young_for) + HELD_WEIGHT * held
    more += DOWNLOADS_WEIGHT * math.log10(1 + (downloads or 0))
    return Gravity(round(heaviest * voices + more), len(groups))


def voice(reporter: Reporter, now: datetime) -> float:
    """How loud one reporter speaks: 2 if trusted, 1 if nothing is known of him, less for each report rejected.

    Accounts of the last day whisper, and so do silenced reporters and the project's own owners.
    """
    past = reporter.reputation
    if past.silenced or reporter.frozen or reporter.concerned:
        return 0.1
    if past.trusted:
        return 2.0
    known = (1 + past.confirmed) / (1 + past.confirmed + 2 * past.rejected)
    return known * (0.25 if now - reporter.created_at < SETTLED_AFTER else 1.0)


def _groups(reporters: Sequence[Reporter]) -> list[list[Reporter]]:
    """Reporters who are connected by something in common, directly or through others."""
    groups: list[list[Reporter]] = []
    for reporter in reporters:
        near = [group for group in groups if any(not independent(reporter, one) for one in group)]
        groups = [group for group in groups if group not in near]
        groups.append([reporter, *(one for group in near for one in group)])
    return groups
