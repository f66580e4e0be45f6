"""Looking again until caches have caught up: what is wrong now may be right in a minute, and must be right then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from customhouse.client.patience import Patience
from customhouse.release.actions import Problem, StepRun
from customhouse.release.ship.words import our_words

SECONDS = 120
"""So long caches are given where the place says no ``cache_seconds``: the index lets them keep a page for 60 s."""
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 10.0


def patiently(run: StepRun, look: Callable[[], Problem | None]) -> None:
    """Call ``look`` until it finds no fault; raises the last one when ``cache_seconds`` are over, by the run's clock.

    `Tampered` that is raised, and not returned, ends it at once.
    """
    deadline = run.clock.now() + timedelta(seconds=_seconds(run))
    patience = Patience(stop=run.children.stop, clock=run.clock)
    pause = FIRST_SECONDS
    with our_words(run.step.env):
        while (fault := look()) is not None:
            if run.clock.now() >= deadline:
                raise fault
            run.tell(f"Not yet: {fault}")
            patience.pause(pause)
            pause = min(pause * 2, LONGEST_SECONDS)


def _seconds(run: StepRun) -> int:
    text = run.place().get("cache_seconds", str(SECONDS))
    if not text.isascii() or not text.isdigit():
        raise Problem("bad-setting", f"cache_seconds is {text!r}", "a number of seconds", place=run.step.env)
    return int(text)
