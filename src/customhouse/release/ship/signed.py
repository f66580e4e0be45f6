"""What was signed, as the journal says it."""

from __future__ import annotations

from customhouse.release.actions import Outcome, StepRun
from customhouse.release.events import SignedThing
from customhouse.release.signing.declared import signing_steps
from customhouse.release.things import Things


def signings(run: StepRun, outcome: Outcome | None = None) -> tuple[SignedThing, ...]:
    """Each signature of the newest attempts, or of this very outcome of a signing step."""
    if outcome is not None and run.step.uses == "sign.all":
        return tuple(one for one in outcome.events if isinstance(one, SignedThing))
    found: list[SignedThing] = []
    for step in signing_steps(run.pipeline):
        state = run.state.steps.get(step.id)
        if state is not None and state.status == "done":
            found += state.signed
    return tuple(found)


def signed_files(run: StepRun, outcome: Outcome | None = None) -> Things:
    """The files that were signed, once each."""
    return tuple(sorted({one.thing for one in signings(run, outcome)}))
