"""The stage, looked at as whoever installs from it: it holds what was built and what was tested, and nothing else."""

from __future__ import annotations

from customhouse.release.actions import Look, Outcome, Problem, StepRun
from customhouse.release.ship.compare import compare, digests
from customhouse.release.ship.stage_now import stage_now
from customhouse.release.signing.declared import files_of
from customhouse.release.signing.tested import tested


class StagedAsBuilt:
    """``staged-as-built``: the stage holds what was handed to it, by name and digest, and no other file."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare; before the step that stages has acted there is nothing to compare."""
        name = "staged-as-built"
        if outcome is None and run.step.uses == "index.stage":
            return Look(name, ok=True, expected="a stage that is ours", saw="nothing is staged yet")
        if run.state.published_at is not None:
            return Look(name, ok=True, expected="the stage as it was built", saw="it is published")
        try:
            now = stage_now(run, outcome)
        except Problem as problem:
            return _not_seen(name, problem)
        found = compare(now.expected, now.seen)
        if found:
            return Look(name, ok=False, expected=found.expected, saw=found.sentence, place=now.place)
        return Look(name, ok=True, expected=_files(now.expected), saw=now.how or _files(now.seen), place=now.place)


class TestedAsStaged:
    """``tested-as-staged``: each file that is tested is staged with the same digest, before the test and after it."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:  # noqa: ARG002 - the stage is looked at itself
        """Compare what this test takes in (or what tests took in, at another step) with the stage now."""
        name = "tested-as-staged"
        testing = run.step.uses.startswith("test.")
        mine = digests(files_of(run)) if testing else _tested(run)
        if run.state.published_at is not None:
            return Look(name, ok=True, expected="the stage as it was tested", saw="it is published")
        if not mine:
            return Look(name, ok=False, expected="files that were tested", saw="nothing was tested", place=run.step.id)
        try:
            now = stage_now(run, None)
        except Problem as problem:
            return _not_seen(name, problem)
        # A file that nobody has built would be installed, too: whatever else lies there was not left out of the test.
        mine = {one: mine[one] for one in mine if one in now.expected or testing}
        found = compare({**now.expected, **mine}, now.seen)
        if found:
            return Look(name, ok=False, expected=found.expected, saw=found.sentence, place=now.place)
        return Look(name, ok=True, expected=_files(mine), saw=now.how or _files(mine), place=now.place)


def _tested(run: StepRun) -> dict[str, str]:
    return digests(one for things in tested(run).values() for one in things)


def _files(found: dict[str, str]) -> str:
    return f"{len(found)} files, each with its digest"


def _not_seen(name: str, problem: Problem) -> Look:
    return Look(name, ok=False, expected=problem.expected or "a stage", saw=problem.saw, place=problem.place)
