"""Point 5: at each gate enough different people said yes, in time, to exactly these digests."""

from __future__ import annotations

from collections.abc import Iterator

from customhouse.formats.pipeline.model import Step
from customhouse.formats.plain import plain
from customhouse.release.events import Approved
from customhouse.release.evidence.points.case import Case, Finding, Point, either, holds, unknown
from customhouse.release.question import credential_of, key_proof_holds, question_in, rank, read_proof
from customhouse.release.sealed import Sealed
from customhouse.release.standing import canonical_identity, factor_demanded, same_people
from customhouse.release.state import StepState
from customhouse.terms.errors import Refused

_WORDS = {
    "webauthn": "by a security key",
    "key": "by his own key",
    "gpg": "by GPG",
    "said": "by the key of his machine",
    "": "by the server's word",
}


def approved(case: Case) -> Point:
    """The quorum of every gate, recomputed: people count, neither accounts nor keys."""
    findings: list[Finding] = []
    weak = False
    for step in case.state.pipeline.steps:
        found = case.state.steps[step.id]
        if step.gate is None or found.status != "done":
            continue
        faults, how = _gate(case, step, found)
        findings += either(
            faults, f"{step.id}: {_told(found, how)} of {len(step.gate.need)}, {step.gate.quorum} needed"
        )
        weak = weak or "" in how.values()
        if "gpg" in how.values():
            findings.append(unknown(f"{step.id}: a proof by GPG; verify it with gpg and the key of the person"))
    if not findings:
        findings.append(holds("the pipeline has no gate"))
    rests = "the server that let people in" if weak else "that these keys are these people's, as the server says"
    return Point(5, "People", tuple(findings), rests)


def _gate(case: Case, step: Step, found: StepState) -> tuple[list[str], dict[str, str]]:
    gate, asked = step.gate, found.asked
    how: dict[str, str] = {}
    if gate is None or asked is None:
        return [f"{step.id}: nobody was asked"], how
    faults = []
    if question_in(asked, run=case.state.run, first=case.state.first) != asked.question:
        faults.append(f"{step.id}: the question is not of this run and these files")
    if (asked.need, asked.quorum, asked.factor) != (gate.need, gate.quorum, gate.factor):
        faults.append(f"{step.id}: other people were asked than the pipeline says")
    same = same_people(case.state.pipeline)
    people: set[str] = set()
    persons: set[str] = set()
    keys: set[str] = set()
    for seq, at, one in found.approvals:
        line = case.bundle.lines[seq]
        mine = {credential_of(one.proof).lower(), line.said.key if line.said else ""} - {""}
        if one.question != asked.question or one.actor not in gate.need:
            faults.append(f"{step.id}: the yes of {one.actor} is to another question")
        elif found.asked_at is None or not found.asked_at <= at <= asked.expires_at:
            faults.append(f"{step.id}: the yes of {one.actor} did not come in time")
        elif same[one.actor] in people or one.person in persons or keys & mine:
            faults.append(f"{step.id}: {one.person} counts twice")
        else:
            people.add(same[one.actor])
            persons.add(one.person)
            keys |= mine
            try:
                how[one.person] = _proof(case, step, line, one)
            except Refused as refusal:
                faults.append(f"{step.id}: {one.person}: {refusal.sentence}")
    if len(people) < gate.quorum:
        faults.append(f"{step.id}: {len(people)} said yes, and {gate.quorum} had to")
    return faults, how


def _proof(case: Case, step: Step, line: Sealed, one: Approved) -> str:
    """How he has proved who he is; raises `Refused` if the proof is false, or weaker than it had to be."""
    kind = str(read_proof(one.proof).get("type", ""))
    demanded = factor_demanded(case.state, step, one.actor)
    if rank(one.factor) < rank(demanded):
        raise Refused("weak-factor", f"showed {one.factor!r}, and {demanded!r} is demanded")
    if kind == "webauthn":
        _security_key(case, one)
        return kind
    if rank(demanded) >= rank("webauthn"):
        raise Refused("no-key", "no security key has signed this, and one is demanded")
    if kind == "key":
        used = f"key:{credential_of(one.proof).lower()}"
        known = {canonical_identity(each) for each in case.state.pipeline.actor(one.actor).identities}
        known |= {f"key:{key}" for key in case.state.keys.get(one.actor, ())}
        if used not in known or not key_proof_holds(one.proof, one.question, actor=one.actor):
            raise Refused("false-proof", "his key has not signed this question")
        return kind
    if kind == "gpg":
        return kind
    return "said" if line.said is not None else ""


def _security_key(case: Case, one: Approved) -> None:
    check = case.brought.check_key
    if check is None:
        raise Refused("no-proof", "nothing here can verify a security key")
    decided = check(one.proof)
    wanted = (case.state.run, one.step, one.attempt, one.question, "approve")
    if (decided.run, decided.step, decided.attempt, decided.question, decided.decision) != wanted:
        raise Refused("other-question", "his security key has signed another question")
    if f"user:{decided.account}".lower() not in {one.person.lower(), *_names(case, one.actor)}:
        raise Refused("other-person", f"the security key is of {plain(decided.account, 60)}")


def _names(case: Case, actor: str) -> Iterator[str]:
    return (one.lower() for one in case.state.pipeline.actor(actor).identities)


def _told(found: StepState, how: dict[str, str]) -> str:
    names = [f"{plain(one.person, 40)} {_WORDS.get(how.get(one.person, ''), '')}" for _, _, one in found.approvals]
    return ", ".join(names)
