"""A policy tried on targets: what is refused, what a resolver would do, and the least that must be excepted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from customhouse.consume.policy.exceptions_toml import exceptions_toml
from customhouse.consume.policy.model import (
    Candidate,
    Dead,
    Decided,
    Delayed,
    Excepted,
    Moved,
    Newest,
    Outcome,
    Target,
    Verdict,
    Wanted,
)
from customhouse.consume.policy.paths import Pages, dead_end
from customhouse.consume.policy.resolve import Chosen, Resolved, Resolver
from customhouse.consume.policy.smallest import Trial, smallest_set
from customhouse.formats.inventory.model import Gap
from customhouse.terms.errors import Unavailable

BATCH = 1000
MOST_ROUNDS = 30
MOST_NAMED = 12

Progress = Callable[[str, int, int], None]
Make = Callable[[str], Candidate]
"""Makes a candidate of a policy with more exceptions below it."""


@dataclass
class Simulation:
    """One candidate policy, tried on one target after the other; what was decided of a project is asked once."""

    candidate: Candidate
    pages: Callable[[str], Pages]
    make: Make
    """Another candidate: the same policy with this TOML below it."""
    now: datetime
    uv: str = "uv"
    python: str = ""
    progress: Progress = lambda _what, _done, _of: None
    newest: dict[str, Newest] = field(default_factory=dict)
    delayed: dict[tuple[str, str], Delayed] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    _verdicts: dict[Wanted, Verdict] = field(default_factory=dict)

    def run(self, target: Target, beside: Path | None) -> Outcome:
        """Try one target."""
        resolver = Resolver(target.roots, target.constraints, beside, self.uv, self.python)
        try:
            return self._loose(target, resolver) if target.loose else self._locked(target, resolver)
        except Unavailable as error:
            return Outcome(target, gaps=(Gap(target.title, str(error), "try again, or give a lock file"),))

    def decide(self, wanted: Iterable[Wanted]) -> list[Verdict]:
        """What the candidate says of these, those that nobody can look up left out."""
        every = list(dict.fromkeys(wanted))
        new = [one for one in every if one not in self._verdicts]
        done = 0
        for _ in range(MOST_ROUNDS):
            if not new:
                break
            answer = self.candidate.decide(new[:BATCH])
            self._keep(answer)
            left = set(answer.left)
            again = [one for one in new[:BATCH] if one.name in left]
            done += len(new[:BATCH]) - len(again)
            new = [*again, *new[BATCH:]]
            self.progress("decisions", done, len(every))
        if new:
            self.gaps.append(Gap("the view", f"{len(new)} versions were not looked up in time", "try again"))
        return [self._verdicts[one] for one in every if one in self._verdicts]

    def _keep(self, answer: Decided) -> None:
        for one in answer.verdicts:
            self._verdicts[Wanted(one.name, one.version, one.filename)] = one
        self.newest |= {one.name: one for one in answer.newest}
        self.delayed |= {(one.name, one.version): one for one in answer.delayed}
        self.waits += answer.waits
        for name, why in answer.failed:
            self.gaps.append(Gap(name, why, "try again"))

    def _locked(self, target: Target, resolver: Resolver) -> Outcome:
        verdicts = self.decide(target.pins)
        absent = [one for one in verdicts if not one.found]
        whole = not absent and len(verdicts) == len(set(target.pins))
        refused = [one for one in verdicts if one.refused]
        satisfiable = False if refused else True if whole else None
        outcome = Outcome(target, tuple(verdicts), satisfiable=satisfiable, gaps=_missing(absent))
        if not refused:
            return outcome
        again = self._relocked(target, resolver)
        if isinstance(again, Gap):
            outcome = replace(outcome, gaps=(*outcome.gaps, again))
        else:
            before = {one.name: one.version for one in target.pins}
            moved = _moved(before, again.chosen) if again.chosen is not None else ()
            outcome = replace(outcome, relocks=again.chosen is not None, moved=moved, said=again.said)
            if again.chosen is None:
                outcome = replace(outcome, dead=self._dead_ends(outcome, resolver))
        # A lock names its versions: each that is refused needs an exception, and nothing else helps.
        exceptions = self._exceptions(refused)
        if not exceptions:
            return replace(outcome, confirmed=False)
        kept = self._with(exceptions).decide([Wanted(one.name, one.version) for one in refused])
        return replace(outcome, exceptions=exceptions, confirmed=not any(one.refused for one in kept.verdicts))

    def _relocked(self, target: Target, resolver: Resolver) -> Resolved | Gap:
        """Whether what the user asked for has another solution."""
        if not target.roots:
            return Gap(target.title, "it does not say what was asked for, so that locking again cannot be tried")
        try:
            return resolver.against(self.candidate.address())
        except Unavailable as error:
            return Gap(target.title, str(error), "try again")

    def _loose(self, target: Target, resolver: Resolver) -> Outcome:
        self.progress("resolutions", 1, 2)
        before = resolver.against(self.candidate.address(everything=True))
        left_out = tuple(_without_wheels(one) for one in before.unbuilt)
        if before.chosen is None:
            gap = Gap(target.title, f"it has no solution even without a policy: {before.said}", "mend the requirements")
            return Outcome(target, said=before.said, gaps=(*left_out, gap))
        verdicts = tuple(self.decide(Wanted(one.name, one.version) for one in before.chosen))
        self.progress("resolutions", 2, 2)
        after = resolver.against(self.candidate.address())
        versions = {one.name: one.version for one in before.chosen}
        if after.chosen is not None:
            moved = _moved(versions, after.chosen)
            return Outcome(target, verdicts, satisfiable=True, moved=moved, gaps=left_out)
        return self._unsatisfiable(
            Outcome(target, verdicts, satisfiable=False, said=after.said, gaps=left_out), resolver
        )

    def _dead_ends(self, outcome: Outcome, resolver: Resolver) -> tuple[Dead, ...]:
        """Why a lock cannot be made again."""
        try:
            before = resolver.against(self.candidate.address(everything=True))
            if before.chosen is None:
                return ()
            verdicts = tuple(self.decide(Wanted(one.name, one.version) for one in before.chosen))
            return self._unsatisfiable(replace(outcome, verdicts=verdicts), resolver).dead
        except Unavailable:
            return ()

    def _unsatisfiable(self, outcome: Outcome, resolver: Resolver) -> Outcome:
        tried: dict[frozenset[str], Resolved] = {}

        def attempt(excepted: frozenset[str]) -> Trial:
            found = tried[excepted] = resolver.against(self.candidate.address(sorted(excepted)))
            self.progress("resolutions with exceptions", len(tried), 0)
            return Trial(found.chosen is not None, self._kept_back(found.asked))

        sufficient = {one.name for one in outcome.verdicts if one.refused}
        found = smallest_set(sufficient, attempt)
        # The search may have known the answer without trying it.
        last = tried.get(found.excepted) or resolver.against(self.candidate.address(sorted(found.excepted)))
        chosen = last.chosen or ()
        decided = self.decide(Wanted(one.name, one.version) for one in chosen if one.name in found.excepted)
        exceptions = self._exceptions([one for one in decided if one.refused])
        dead = tuple(self._dead(one.name, chosen, outcome.target) for one in exceptions)
        confirmed: bool | None = None
        if chosen and exceptions:
            confirmed = resolver.against(self._with(exceptions).address()).chosen is not None
        return replace(outcome, exceptions=exceptions, dead=dead, proven=found.proven, confirmed=confirmed)

    def _kept_back(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these projects of which the policy keeps anything back."""
        found = set()
        for name in names:
            whole = self._whole.versions(name)
            offered = self._offered.versions(name)
            if whole is None or offered is None or set(whole) != set(offered):
                found.add(name)
        return frozenset(found)

    def _dead(self, name: str, plan: Sequence[Chosen], target: Target) -> Dead:
        versions = self._whole.versions(name) or ()
        decided = self.decide(Wanted(name, one) for one in versions)
        return dead_end(name, plan, target.roots, self._whole, self._offered, decided)

    def _exceptions(self, refused: Sequence[Verdict]) -> tuple[Excepted, ...]:
        """What has to be excepted, with every rule that refuses it."""
        wanted = [Wanted(one.name, one.version, one.filename) for one in refused if not one.never]
        told = self.candidate.decide(wanted, rules=True).verdicts if wanted else ()
        return tuple(_exception(one) for one in told if one.refused)

    def _with(self, exceptions: Sequence[Excepted]) -> Candidate:
        return self.make(exceptions_toml(exceptions, self.now, owner="simulation"))

    def __post_init__(self) -> None:
        self._whole = self.pages(self.candidate.address(everything=True))
        self._offered = self.pages(self.candidate.address())


def _moved(before: dict[str, str], after: Sequence[Chosen]) -> tuple[Moved, ...]:
    now = {one.name: one.version for one in after}
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    return tuple(Moved(name, before.get(name, ""), now.get(name, "")) for name in names)


def _exception(verdict: Verdict) -> Excepted:
    why = f"what we install needs it ({verdict.reason})" if verdict.reason else "what we install needs it"
    return Excepted(verdict.name, verdict.version, verdict.rules or (verdict.rule,), why, verdict.changes_at)


def _missing(absent: Sequence[Verdict]) -> tuple[Gap, ...]:
    if not absent:
        return ()
    named = ", ".join(f"{one.name} {one.version}" for one in absent[:MOST_NAMED])
    more = f" and {len(absent) - MOST_NAMED} more" if len(absent) > MOST_NAMED else ""
    return (Gap("the view", f"whatever its policy, it has no {named}{more}", "name the upstream that has them"),)


def _without_wheels(name: str) -> Gap:
    return Gap(
        name,
        "it has no wheel that fits: what it requires only a build would tell, and nothing is built here",
        "give a lock file, which names it",
    )
