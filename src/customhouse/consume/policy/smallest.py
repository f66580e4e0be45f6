"""The smallest set of projects that must be excepted from a policy so that requirements have a solution.

Exact, by implicit hitting sets. Excepting more never takes a solution away. So a set that fails can be grown until each
further project would make it pass: every solution must except at least one project outside of it. The smallest set that
hits all of these is tried; if it fails it gives another one to hit, if it passes nothing smaller does. A greedy search
would stop at a set from which nothing can be taken away, which may be twice as large as needed.

A project that the resolver never looked at while it failed cannot have changed that, so the projects that it asked for
are all that matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_TRIALS = 150
MOST_EXCEPTED = 12


class Trial(NamedTuple):
    """What a resolver says with some projects excepted."""

    passes: bool
    asked: frozenset[str]
    """The projects that it looked at and of which the policy keeps something back."""


Try = Callable[[frozenset[str]], Trial]


class Smallest(NamedTuple):
    """The answer: which projects, and whether there is proof that fewer are not enough."""

    excepted: frozenset[str]
    proven: bool


def smallest_set(sufficient: Iterable[str], trial: Try, *, most_trials: int = MOST_TRIALS) -> Smallest:
    """The smallest set with which ``trial`` passes; ``sufficient`` is one that is known to, of any size.

    After ``most_trials`` it ends with the best that it knows, from which at least nothing can be taken away as far as
    the trials went.
    """
    search = _Search(trial, most_trials)
    best = frozenset(sufficient)
    try:
        while True:
            wanted = _hit([search.universe - one for one in search.failing], MOST_EXCEPTED)
            if wanted is None or len(wanted) >= len(best):
                return Smallest(search.thinned(best), proven=wanted is not None)
            if search.passes(wanted):
                return Smallest(wanted, proven=True)
            search.grow(wanted, best)
    except _EnoughError:
        return Smallest(search.last or best, proven=False)


class _EnoughError(Exception):
    """There were as many trials as are allowed."""


@dataclass
class _Search:
    trial: Try
    most: int
    universe: frozenset[str] = frozenset()
    failing: list[frozenset[str]] = field(default_factory=list)
    """Sets that fail, and fail with any one project more."""
    last: frozenset[str] | None = None
    """The smallest that has passed."""
    _known: dict[frozenset[str], bool] = field(default_factory=dict)

    def passes(self, excepted: frozenset[str]) -> bool:
        if excepted in self._known:
            return self._known[excepted]
        if any(excepted <= one for one, passes in self._known.items() if not passes):
            return False
        if any(excepted >= one for one, passes in self._known.items() if passes):
            return True
        if len(self._known) >= self.most:
            raise _EnoughError
        found = self.trial(excepted)
        self._known[excepted] = found.passes
        self.universe |= found.asked
        if found.passes and (self.last is None or len(excepted) < len(self.last)):
            self.last = excepted
        return found.passes

    def grow(self, failing: frozenset[str], sufficient: frozenset[str]) -> None:
        """Note the largest failing set around this one. The universe may grow meanwhile, and then it goes on."""
        looked: set[str] = set()
        while more := sorted((self.universe | sufficient) - failing - looked):
            one = more[0]
            looked.add(one)
            if not self.passes(failing | {one}):
                failing |= {one}
        self.universe |= sufficient
        self.failing.append(failing)

    def thinned(self, passing: frozenset[str]) -> frozenset[str]:
        """The same without what is not needed."""
        for one in sorted(passing):
            if self.passes(passing - {one}):
                passing -= {one}
        return passing


def _hit(sets: Sequence[frozenset[str]], most: int) -> frozenset[str] | None:
    """The smallest set that has something in common with each of these, the first by name; None beyond ``most``."""
    for size in range(most + 1):
        found = _hit_with(sorted(sets, key=lambda one: (len(one), sorted(one))), size)
        if found is not None:
            return found
    return None


def _hit_with(sets: Sequence[frozenset[str]], size: int) -> frozenset[str] | None:
    if not sets:
        return frozenset()
    if size == 0:
        return None
    for one in sorted(sets[0]):
        rest = _hit_with([other for other in sets if one not in other], size - 1)
        if rest is not None:
            return rest | {one}
    return None
