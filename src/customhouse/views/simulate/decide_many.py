"""Many decisions in one go: project by project, within a time, the rest is told so that somebody asks again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from customhouse.formats.policy.read import Policy
from customhouse.terms.errors import Unavailable
from customhouse.views.model import View
from customhouse.views.simulate.judge import (
    BESIDES,
    Judge,
    delayed_of,
    newest_of,
    verdict_of,
    wait_days,
)
from customhouse.views.simulate.model import Decided, Newest, Verdict, Wanted
from customhouse.views.simulate.there import Looking

SECONDS = 20.0
"""So long one question may take; what an upstream has to be asked for takes a moment for each name."""


def decide_many(
    looking: Looking, view: View, candidate: Policy, today: Policy, wanted: Sequence[Wanted], *,
    as_of: datetime | None = None, seconds: float = SECONDS, rules: bool = False,
) -> Decided:  # fmt: skip
    """What the candidate says of each, and of each project what becomes its newest version and which fixes wait.

    With ``rules`` each verdict names every rule that refuses, as an exception must; that takes ten times as long.
    """
    by_name: dict[str, list[Wanted]] = {}
    for one in wanted:
        by_name.setdefault(one.name, []).append(one)
    found = Decided()
    now = as_of or looking.views.clock.now()
    wants = candidate.signals | today.signals | BESIDES
    deadline = time.monotonic() + seconds
    for name, some in by_name.items():
        if time.monotonic() > deadline:
            found.left.append(name)
            continue
        try:
            there = looking.there(view, name, wants=wants, as_of=as_of)
        except Unavailable as error:
            found.failed.append((name, str(error)))
            continue
        if there is None:
            found.verdicts += [Verdict(one, found=False) for one in some]
            found.newest.append(Newest(name, "", "", ""))
            continue
        judge, own = Judge(candidate, there, now), Judge(today, there, now)
        found.verdicts += [verdict_of(one, judge, own, rules=rules) for one in some]
        newest = newest_of(judge, own)
        found.newest.append(newest)
        found.delayed += delayed_of(judge, newest.candidate, [one.version for one in some])
        if newest.there:
            found.waits.append(wait_days(judge, there.by_version[newest.there][0]))
    return found
