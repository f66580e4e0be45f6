"""``approvals-hold``: each yes that this step rests on is of these digests, by the right people, and not expired."""

from __future__ import annotations

from datetime import datetime

from customhouse.formats.pipeline import graph
from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.question import question_in
from customhouse.release.standing import distinct, gate_passed, same_people
from customhouse.release.state import StepState

NAME = "approvals-hold"


class ApprovalsHold:
    """See the module. Looks at the step's own gate, and at each gate before it."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Recompute each question, count people, and compare what they saw with what comes in."""
        own = run.state.steps[run.step.id]
        at = own.started_at if outcome is not None and own.started_at else run.clock.now()
        before = graph.before(run.pipeline, run.step.id) | {run.step.id}
        gates = [step for step in run.pipeline.steps if step.id in before and step.gate]
        expected = f"a yes at {', '.join(step.id for step in gates) or 'no gate'}"
        said = []
        for step in gates:
            found = run.state.steps[step.id]
            if found.status == "skipped":
                continue
            when = at if step.id == run.step.id else found.started_at
            if fault := _fault(run, found, when):
                return Look(NAME, False, expected, fault, step.id)
            said += [one.person for _, _, one in found.approvals]
        return Look(NAME, True, expected, f"yes by {', '.join(sorted(set(said))) or 'nobody, for there is no gate'}")


def _fault(run: StepRun, found: StepState, at: datetime | None) -> str:
    asked, gate = found.asked, run.pipeline.step(found.id).gate
    if asked is None or gate is None or at is None:
        return "nobody was asked"
    if asked.question != question_in(asked, run=run.run, first=run.state.first):
        return "the question is another one than its digest says"
    if at > asked.expires_at:
        return f"the approvals expired at {asked.expires_at:%Y-%m-%d %H:%M} UTC"
    if found.id == run.step.id and not gate_passed(run.state, found.id, at):
        return "it is not what was approved"
    same = same_people(run.pipeline)
    people = {same[one.actor] for _, _, one in found.approvals if one.question == asked.question}
    if len(people & {same[name] for name in gate.need}) < gate.quorum:
        return f"{len(people)} of {gate.quorum} people said yes"
    mine = dict(_names(run))
    other = sorted(name for name, digest in distinct(asked.things) if name in mine and digest not in mine[name])
    return f"approved was another {other[0]}" if other else ""


def _names(run: StepRun) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for things in run.inputs.values():
        for name, digest in distinct(things):
            found.setdefault(name, set()).add(digest)
    return found
