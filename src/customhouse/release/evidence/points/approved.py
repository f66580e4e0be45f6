"""Point 5: at each gate enough different people said yes, in time, to exactly these digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from customhouse.formats.pipeline.model import Step
from customhouse.formats.plain import plain
from customhouse.release.events import Approved
from customhouse.release.evidence.points.case import Case, Point, fails, holds, unknown
from customhouse.release.evidence.points.openpgp import Voucher, said_by_gpg, vouchers
from customhouse.release.question import credential_of, key_proof_holds, question_in, rank, read_proof
from customhouse.release.sealed import Sealed
from customhouse.release.standing import canonical_identity, factor_demanded, meets_at_a_room, same_people
from customhouse.release.state import StepState
from customhouse.terms.errors import Refused

_WORDS = {
    "webauthn": "by a security key",
    "key": "by his own key",
    "gpg": "by his OpenPGP key",
    "vouched": "by a key that his OpenPGP key lets speak for him",
    "said": "by the key of his machine",
    "": "by the server's word",
}


@dataclass(frozen=True, slots=True)
class _Proved:
    """How somebody has proved who he is, and why nobody can tell here (empty where it is verified)."""

    kind: str
    doubt: str = ""


def approved(case: Case) -> Point:
    """The quorum of every gate, recomputed: people count, neither accounts nor keys."""
    known = vouchers(case)
    findings = list(dict.fromkeys(one.finding for one in known.values()))
    gates = [step for step in case.state.pipeline.steps if step.gate and case.state.steps[step.id].status == "done"]
    weak = False
    for step in gates:
        found = case.state.steps[step.id]
        faults, how = _gate(case, step, found, known)
        weak = weak or "" in {one.kind for one in how.values()}
        needed = len(step.gate.need) if step.gate else 0
        told = f"{step.id}: {_told(found, how)} of {needed}, {step.gate.quorum if step.gate else 0} needed"
        doubts = sorted({one.doubt for one in how.values()} - {""})
        findings += [fails(one) for one in faults] or [unknown(f"{told}; {doubts[0]}") if doubts else holds(told)]
    if not gates:
        findings.append(holds("the pipeline has no gate"))
    who = "server" if meets_at_a_room(case.state) else "pipeline"
    rests = "the server that let people in" if weak else f"that these keys are these people's, as the {who} says"
    return Point(5, "People", tuple(findings), rests)


def _gate(
    case: Case, step: Step, found: StepState, known: Mapping[str, Voucher]
) -> tuple[list[str], dict[str, _Proved]]:  # fmt: skip
    gate, asked = step.gate, found.asked
    how: dict[str, _Proved] = {}
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
                how[one.person] = _proof(case, step, line, one, known)
            except Refused as refusal:
                faults.append(f"{step.id}: {one.person}: {refusal.sentence}")
    if len(people) < gate.quorum:
        faults.append(f"{step.id}: {len(people)} said yes, and {gate.quorum} had to")
    return faults, how


def _proof(case: Case, step: Step, line: Sealed, one: Approved, known: Mapping[str, Voucher]) -> _Proved:
    """How he has proved who he is; raises `Refused` if the proof is false, or weaker than it had to be."""
    kind = str(read_proof(one.proof).get("type", ""))
    demanded = factor_demanded(case.state, step, one.actor)
    if rank(one.factor) < rank(demanded):
        raise Refused("weak-factor", f"showed {one.factor!r}, and {demanded!r} is demanded")
    if kind == "webauthn":
        _security_key(case, one)
        return _Proved(kind)
    if rank(demanded) >= rank("webauthn"):
        raise Refused("no-key", "no security key has signed this, and one is demanded")
    if kind == "key":
        return _own_key(case, one, known)
    if kind == "gpg":
        return _Proved(kind, said_by_gpg(case, one, line.at))
    if line.said is not None:
        return _vouched("said", line.said.key, known)
    return _Proved("")


def _own_key(case: Case, one: Approved, known: Mapping[str, Voucher]) -> _Proved:
    """By a key that the pipeline names, or by one that joined for him."""
    key = credential_of(one.proof).lower()
    named = {canonical_identity(each) for each in case.state.pipeline.actor(one.actor).identities}
    is_named = f"key:{key}" in named
    is_his = is_named or key in case.state.keys.get(one.actor, ())
    if not is_his or not key_proof_holds(one.proof, one.question, actor=one.actor):
        raise Refused("false-proof", "his key has not signed this question")
    return _Proved("key") if is_named else _vouched("key", key, known)


def _vouched(kind: str, key: str, known: Mapping[str, Voucher]) -> _Proved:
    """A key file that an OpenPGP key stands behind is as good as what that key has signed."""
    voucher = known.get(key.lower())
    if voucher is None:
        return _Proved(kind)
    if voucher.finding.sign == "fails":
        raise Refused("false-proof", f"his key file has no OpenPGP key behind it: {voucher.why}")
    return _Proved("vouched", voucher.why)


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


def _told(found: StepState, how: Mapping[str, _Proved]) -> str:
    names = [
        f"{plain(one.person, 40)} {_WORDS.get(how[one.person].kind, '')}"
        for _, _, one in found.approvals
        if one.person in how
    ]
    return ", ".join(names)
