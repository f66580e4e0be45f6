"""A policy on what a view was really asked for: which builds would have gone on, got another version, or failed.

A build is what one client network fetched with one tool on one day. A file that the policy refuses ends a build that
asked for the file alone, as one with a lock does; one that had also asked for the project's page was choosing, and
takes another version if any is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from customhouse.formats.policy.read import Policy
from customhouse.terms.errors import Unavailable
from customhouse.views.log.queries import Build
from customhouse.views.model import View
from customhouse.views.simulate.judge import BESIDES, Judge
from customhouse.views.simulate.model import Wanted
from customhouse.views.simulate.there import Looking

ENDED, FELL_BACK, UNJUDGED, PASSED = "failed", "fell back", "not judged", "passed"
_WORST = (ENDED, FELL_BACK, UNJUDGED, PASSED)


@dataclass
class Replayed:
    """What the policy would have done to the builds of a log."""

    builds: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """How many builds passed, fell back, failed, or hold what nobody can judge: each counts as the worst of these."""
    failed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Project, version, rule: in how many builds."""
    fell_back: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)
    """Projects that nobody can look up now."""
    gone: set[str] = field(default_factory=set)
    """Projects of which the view no longer has what was fetched."""

    @property
    def wanted(self) -> set[tuple[str, str]]:
        """The versions that are refused."""
        return {(name, version) for name, version, _ in (*self.failed, *self.fell_back)}


def replay(looking: Looking, view: View, policy: Policy, builds: Sequence[Build]) -> Replayed:
    """Try a policy on builds."""
    found = Replayed(len(builds))
    judges: dict[str, Judge | None] = {}
    for build in builds:
        resolving = {one.project for one in build.wanted if not one.filename}
        worst = PASSED
        for one in build.wanted:
            if not one.filename or one.verdict not in ("allow", "warn"):
                # It was refused then: the build has gone on without it, or not, whatever a policy of now says.
                continue
            if one.project not in judges:
                judges[one.project] = _judge(looking, view, policy, one.project, found)
            judge = judges[one.project]
            file = judge.there.by_filename.get(one.filename) if judge is not None else None
            if judge is None or file is None:
                if one.project not in found.unknown:
                    found.gone.add(one.project)
                worst = _worse(worst, UNJUDGED)
                continue
            decision = judge.of(file)
            if decision.lets_through:
                continue
            key = (one.project, one.version, decision.rule)
            if one.project in resolving and judge.newest():
                found.fell_back[key] += 1
                worst = _worse(worst, FELL_BACK)
            else:
                found.failed[key] += 1
                worst = ENDED
        found.outcomes[worst] += 1
    return found


def _worse(one: str, other: str) -> str:
    return min(one, other, key=_WORST.index)


def wanted_of(builds: Sequence[Build]) -> list[Wanted]:
    """Every version that builds of a log have fetched."""
    every = {(one.project, one.version) for build in builds for one in build.wanted if one.filename and one.version}
    return [Wanted(name, version) for name, version in sorted(every)]


def _judge(looking: Looking, view: View, policy: Policy, name: str, found: Replayed) -> Judge | None:
    try:
        there = looking.there(view, name, wants=policy.signals | BESIDES)
    except Unavailable:
        found.unknown.add(name)
        return None
    return Judge(policy, there, looking.views.clock.now()) if there is not None else None
