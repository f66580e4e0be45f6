"""``gate``: a step that only asks. The engine starts it when its people have said yes: nothing is left to do."""

from __future__ import annotations

from customhouse.release.actions import Outcome, StepRun


class Ask:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Say who said yes; that they did, the journal's rules have judged."""
        approvals = run.state.steps[run.step.id].approvals
        return Outcome(facts={"people": ", ".join(sorted(one.person for _, _, one in approvals))})

    def probe(self, run: StepRun) -> Outcome | None:
        """Asking changes nothing, so it is always done anew."""
        return self.do(run)

    def undo(self, _run: StepRun) -> str:
        """A yes is of one attempt, and worth nothing after it."""
        return "nothing to undo"
