"""Of point 4: what experts handed in stands in statements that they signed themselves, of these files and this commit.

Nobody can make such a statement once more, so it is not compared word by word; it is looked at for what it must say.
"""

from __future__ import annotations

from customhouse.release.events import Attested
from customhouse.release.evidence.points.case import Attestation, Case, Finding, fails, holds, some
from customhouse.release.evidence.points.case import unknown as not_known
from customhouse.release.evidence.statements.commits import commits_in
from customhouse.release.evidence.statements.statement import Statement, read_statement
from customhouse.release.standing import flat
from customhouse.terms.errors import Rejected

HAND_IN = "external.hand_in"
SEALED = ".sigstore.json"
"""How the evidence is called that a bundle can be verified by."""


def handed_in(case: Case) -> list[Finding]:
    """For each step by which experts hand in: every file is in a statement of theirs, and they say nothing else."""
    found: list[Finding] = []
    for step in case.told.used(HAND_IN):
        state = case.state.steps[step.id]
        if state.status != "done":
            continue
        files = {one.name: one.digest for one in flat(state.outputs)}
        said: dict[str, str] = {}
        faults = []
        for one in case.attestations:
            if one.owed is None and one.proved is not None and _is_of(case, one, step.id):
                try:
                    statement = read_statement(one.proved.payload, one.member)
                except Rejected as error:
                    faults.append(str(error))
                    continue
                faults += _faults(case, one, statement, files)
                said |= {subject.name: subject.sha256 for subject in statement.subjects}
        missing = sorted(files.keys() - said.keys())
        if faults:
            found += [fails(fault) for fault in faults]
        elif missing:
            found.append(
                not_known(
                    f"{step.id}: this bundle shows no signed statement of {missing[0]}; only the machine that took it "
                    "has verified one"
                )
            )
        else:
            found.append(holds(f"{step.id}: {some(len(files), 'file')}, in statements that {step.actor} has signed"))
    return found


def is_handed_in(case: Case, one: Attestation) -> bool:
    """Whether it is evidence of an expert, by the line that tells of it."""
    return any(_is_line_of(one, step.id) for step in case.told.used(HAND_IN))


def _is_of(case: Case, one: Attestation, step: str) -> bool:
    """Of this step, in the attempt that counts."""
    began = case.told.attempt(step).started
    return _is_line_of(one, step) and (began is None or one.line.seq > began.seq)


def _is_line_of(one: Attestation, step: str) -> bool:
    event = one.line.event
    return isinstance(event, Attested) and event.step == step


def _faults(case: Case, one: Attestation, statement: Statement, files: dict[str, str]) -> list[str]:
    event = one.line.event
    assert isinstance(event, Attested)  # noqa: S101 - `_is_of` has looked
    assert one.proved is not None  # noqa: S101 - as above
    step = case.state.pipeline.step(event.step)
    actor = case.state.pipeline.actor(step.actor)
    faults = []
    if not one.proved.is_one_of(actor.identities):
        faults.append(f"{one.member} is signed by {one.proved.shown}, and not by {step.actor}")
    if statement.predicate_type != event.predicate_type:
        faults.append(f"{one.member} is {statement.predicate_type}, and the journal says {event.predicate_type}")
    faults += [
        f"{one.member} is of another {subject.name} than {step.id} has handed in"
        for subject in statement.subjects
        if files.get(subject.name) != subject.sha256
    ]
    released = {thing.digest for thing in flat(case.state.steps[step.id].inputs) if thing.algorithm == "gitCommit"}
    if commits_in(statement.predicate) != released:
        faults.append(f"{one.member} is of another commit than was released")
    return faults
