"""What was tested: the files that test steps took in, in their newest attempts. Nothing else is signed."""

from __future__ import annotations

from customhouse.formats.pipeline.model import Step
from customhouse.release.actions import StepRun
from customhouse.release.things import Things


def test_steps(run: StepRun) -> list[Step]:
    """Every step that tests."""
    return [step for step in run.pipeline.steps if step.uses.startswith("test.")]


def tested(run: StepRun) -> dict[str, Things]:
    """By artifact, what was tested by steps that are done. Artifacts that no done step tested are missing."""
    found: dict[str, Things] = {}
    for step in test_steps(run):
        state = run.state.steps.get(step.id)
        if state is None or state.status != "done":
            continue
        for artifact, things in state.inputs.items():
            found[artifact] = tuple(sorted(one for one in things if one.algorithm == "sha256"))
    return {artifact: things for artifact, things in found.items() if things}


def untested(run: StepRun) -> tuple[str, str] | None:
    """Why what comes into this step is not what was tested: what was seen and where; None if it is.

    Of artifacts that no step tests (a bill of materials), the hand-over check says that they are what was made; but
    something must have been tested, by every test step that applies.
    """
    for step in test_steps(run):
        state = run.state.steps.get(step.id)
        if state is None or state.status not in ("done", "skipped"):
            return "it has not been tested: its tests are not done", f"step {step.id}"
    by_artifact = tested(run)
    mine = {name: tuple(sorted(t for t in things if t.algorithm == "sha256")) for name, things in run.inputs.items()}
    if not any(name in by_artifact for name, things in mine.items() if things):
        return "nothing of it was tested", f"step {run.step.id}"
    for name, things in mine.items():
        if name in by_artifact and by_artifact[name] != things:
            return _difference(by_artifact[name], things), name
    return None


def _difference(was: Things, now: Things) -> str:
    """The first file that is not what was tested."""
    before = {one.name: one.digest for one in was}
    for one in now:
        if one.name not in before:
            return f"{one.name} was never tested"
        if before[one.name] != one.digest:
            return f"{one.name} has the digest {one.digest}, and {before[one.name]} was tested"
    gone = sorted(set(before) - {one.name for one in now})
    return f"{', '.join(gone)} was tested and is not here"
