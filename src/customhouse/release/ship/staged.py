"""What the stage step has noted of its stage, and what the other steps need to find it again."""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.formats.pipeline.model import Step
from customhouse.release.actions import Outcome, StepRun


def stage_steps(run: StepRun) -> list[Step]:
    """Every step that stages."""
    return [step for step in run.pipeline.steps if step.uses == "index.stage"]


def stage_step(run: StepRun, env: str = "") -> Step | None:
    """The step that stages where ``env`` (this step's environment, if nothing is said) publishes; None if none does."""
    wanted = env or run.step.env
    place = run.places.get(wanted)
    steps = stage_steps(run)
    same = [step for step in steps if step.env == wanted or (place is not None and run.places.get(step.env) == place)]
    # A test's machine is no place that stages: where there is but one stage, it means that one.
    found = same or (steps if len(steps) == 1 else [])
    return found[-1] if found else None


def stage_facts(run: StepRun, outcome: Outcome | None = None, env: str = "") -> Mapping[str, str]:
    """Its facts: ``stage`` (the address of its simple pages), ``session``, ``folder``; empty if there are none."""
    if outcome is not None and run.step.uses == "index.stage":
        return outcome.facts
    step = stage_step(run, env)
    state = run.state.steps.get(step.id) if step is not None else None
    return state.facts if state is not None and state.status == "done" else {}
