"""What a new policy would do to those who use a view, by what it was asked for; nobody else is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from customhouse.formats.policy.rule import Policy
from customhouse.views.log.queries import REFUSING, builds
from customhouse.views.model import View
from customhouse.views.simulate.decide_many import decide_many
from customhouse.views.simulate.model import Verdict
from customhouse.views.simulate.replay import wanted_of
from customhouse.views.simulate.there import Looking

DAYS = 30
MOST = 500
"""Versions of the log that are looked at; a page that waits longer is not read."""
SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of the versions that a view was asked for."""

    days: int
    asked: int
    """How many versions the log holds."""
    looked_at: int
    kept_back: tuple[Verdict, ...]
    """Let in today, and not any more."""
    let_in: tuple[Verdict, ...]
    """Kept back today, and let in from then on."""
    not_there: int
    """How many nobody here knows under these upstreams."""
    left: int
    """Projects for which there was no time."""


def change_of(looking: Looking, view: View, candidate: Policy, today: Policy) -> Change:
    """Try a policy on the newest month of a view's log. ``view`` has the upstreams that are to be."""
    since = (looking.views.clock.now() - timedelta(days=DAYS - 1)).date()
    with looking.views.database.read() as sql:
        wanted = wanted_of(builds(sql, view.name, since=since)[0])
    found = decide_many(looking, view, candidate, today, wanted[:MOST], seconds=SECONDS)
    there = [one for one in found.verdicts if one.found]
    return Change(
        DAYS, len(wanted), len(there), _only(there, was=False, will=True), _only(there, was=True, will=False),
        len(found.verdicts) - len(there), len(found.left) + len(found.failed),
    )  # fmt: skip


def _only(verdicts: Sequence[Verdict], *, was: bool, will: bool) -> tuple[Verdict, ...]:
    """Those that are refused today or not, and will be or not."""
    return tuple(one for one in verdicts if one.refused == will and (one.today in REFUSING) == was)
