"""The one judge: which event may happen in which state, and what the state is then.

The engine, the release room and whoever verifies a bundle all call `apply`. An event that may not happen now is
`Refused`, with a sentence. Nothing here asks for the time: it stands on the line. Signatures and hashes are verified in
`sealing.py`, before.

Who may say what. Where the run has a place ``room``, actors meet at a server and each speaks for himself: what a step
does is said by its actor, signed with a key that `Joined` gave to him; ``gate`` steps and what nobody does (opening,
asking, granting, skipping, restarting, stopping, finishing) is said by the engine. Without such a place the engine runs
alone on one machine and may speak for every actor's step; people still speak for themselves, with keys of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.model import Actor, Step
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve
from customhouse.formats.pipeline.vocabulary import CHECKS
from customhouse.release import events as said
from customhouse.release.declared import output_faults
from customhouse.release.events import Event
from customhouse.release.question import credential_of, idempotency_key, key_proof_holds, question_in, rank, read_proof
from customhouse.release.sealed import ENGINE, GENESIS, Sealed
from customhouse.release.standing import (
    GATE,
    PUBLISH,
    again_from,
    applicable,
    artifacts_of,
    canonical_identity,
    distinct,
    ended,
    factor_demanded,
    flat,
    gate_passed,
    inputs_of,
    keys_wanted,
    meets_at_a_room,
    no_way_back,
    public,
    same_people,
    signs,
    tested,
    things_asked,
    to_sign,
    to_undo,
    undoable,
    unsettled,
    waits_for,
)
from customhouse.release.state import RunStatus, State, StepState, Stop
from customhouse.release.things import Things
from customhouse.terms.errors import Refused

EDITION = 2
"""Of these rules. What would refuse something that an older journal has is for runs that say so in their first line.

2: what an attempt made counts only from the machine whose lease it is. What strangers may have seen, and whose machine
is gone, is settled before anything takes its place: by a restart, or when the run is abandoned.
"""
MOST_ATTEMPTS = 3
"""Of a step, before a person has to look; people may ask for more."""
TAMPERED = "tampered:"
"""How the code of a stop begins, when somebody has changed what nobody may change."""
TAG_MOVED = "tag-moved"
FAILED_CHECK = "check:"
"""How the code of a stop begins that a failed check has made; the check's name follows."""
_OF_WHAT_COMES_IN = frozenset({
    "handover", "tag-at-commit", "tag-unmoved", "staged-as-built", "tested-as-staged", "signed-as-tested",
})  # fmt: skip
"""Checks that find a fault in what an earlier step made: doing the same step again mends nothing."""
MACHINE_GONE = "machine-gone"
"""The code of a stop that ends by itself when a machine takes up the step that stands still."""
_LATE_CHECK = "rebuilds-agree"
"""At a room the others may build after the step's end."""
_OWN_PROOF = ("key:", "gpg:")
"""Identities that prove themselves, without a server."""
_GONE_ON = ("released", "abandoned")


def begin(line: Sealed) -> State:
    """The state after the first line; raises `Refused`, or `Rejected` for a pipeline or parameters that are none."""
    event = line.event
    if not isinstance(event, said.Created):
        raise Refused("no-beginning", f"A journal begins with 'created', and not with {event.kind!r}.")
    _unless(line.seq == 0 and line.previous == GENESIS, "not-next", "The first line has the number 0.")
    _unless(line.by == ENGINE, "wrong-speaker", "Only the engine opens a journal.")
    if hashlib.sha256(event.pipeline.encode()).hexdigest() != event.pipeline_sha256:
        raise Refused("other-pipeline", "The pipeline's digest is not that of its text.")
    if not 1 <= event.rules <= EDITION:
        raise Refused(
            "unknown-rules", f"This run is judged by edition {event.rules} of the rules; known here: 1 to {EDITION}.",
            "Use a Customhouse as new as the one that opened it.",
        )  # fmt: skip
    written = read_pipeline(event.pipeline)
    pipeline = resolve(written, event.params)
    if (pipeline.project, pipeline.version) != (event.project, event.pipeline_version):
        raise Refused("other-pipeline", "Project and version are not those of the pipeline's text.")
    steps = {name: StepState(name) for name in graph.order(pipeline)}
    return State(
        run=line.run,
        pipeline=pipeline,
        pipeline_sha256=event.pipeline_sha256,
        params=_all_params(written, event.params),
        places=event.places,
        engine_key=event.engine_key,
        rehearsal=event.rehearsal,
        rules=event.rules,
        created_at=line.at,
        first=line.hash,
        steps={step.id: steps[step.id] for step in pipeline.steps},
        seq=0,
        head=line.hash,
        at=line.at,
    )


def apply(state: State, line: Sealed) -> State:
    """The state after one more line; raises `Refused` with the reason if it may not happen now."""
    if line.seq != state.seq + 1 or line.previous != state.head:
        raise Refused("not-next", f"Line {line.seq} does not follow line {state.seq}.", status=409)
    if line.run != state.run:
        raise Refused("other-run", f"The line is of the run {line.run!r}.")
    if state.at is not None and line.at < state.at:
        raise Refused("time-goes-back", f"The line's time {line.at:%H:%M:%S} is before that of the line before it.")
    rule = _RULES.get(type(line.event))
    if rule is None:
        raise Refused("not-now", f"A journal has only one {line.event.kind!r}.")
    if state.status in _GONE_ON:
        raise Refused("finished", f"The run is {state.status}; nothing happens in it any more.")
    _is_actor(state, line)
    return replace(rule(state, line, line.event), seq=line.seq, head=line.hash, at=line.at)


def replay(lines: Iterable[Sealed]) -> State:
    """The state that a whole journal folds to; raises `Refused` at the first line that may not be there."""
    state: State | None = None
    for line in lines:
        state = begin(line) if state is None else apply(state, line)
    if state is None:
        raise Refused("no-beginning", "The journal is empty.")
    return state


def may(state: State, line: Sealed) -> Refused | None:
    """Why this line may not be the next one; None if it may."""
    try:
        apply(state, line)
    except Refused as refusal:
        return refusal
    return None


# Gathering: who is there.


def _joined(state: State, line: Sealed, event: said.Joined) -> State:
    """An actor's machine joins by an identity that the pipeline names; a key belongs to one actor for ever."""
    _speaks_for_himself(line, event.actor)
    actor = _actor(state, event.actor)
    known = {canonical_identity(one) for one in actor.identities}
    identity = canonical_identity(event.identity)
    _unless(identity in known, "wrong-identity", f"{event.identity} is no identity of {actor.id}.")
    alone = not meets_at_a_room(state) and not state.rehearsal
    if alone and not identity.startswith(_OWN_PROOF):
        raise Refused("needs-room", f"Only a server can verify {event.identity}.", "Open the run at a release room.")
    key = event.machine_key.lower()
    if identity.startswith("key:"):
        _unless(identity == f"key:{key}", "wrong-identity", f"{actor.id} joins with another key than {identity}.")
    for owner, keys in state.keys.items():
        _unless(key not in keys or owner == actor.id, "key-taken", f"This key already speaks for {owner}.")
    mine = state.keys.get(actor.id, ())
    return replace(state, keys={**state.keys, actor.id: mine if key in mine else (*mine, key)})


def _confirmed(state: State, line: Sealed, event: said.Confirmed) -> State:
    """An expert says himself that he is around, before the run opens; one person is one expert."""
    _unless(state.status == "gathering", "not-now", "The run has opened; nobody needs to confirm any more.")
    _speaks_for_himself(line, event.actor)
    actor = _person(state, event.actor)
    _unless(actor.expert, "not-asked", f"{actor.id} is no expert of this pipeline: nobody waits for him.")
    _proved(state, line, "")
    same = same_people(state.pipeline)
    for other, person in state.confirmed.items():
        if other != actor.id and (person == event.person or same[other] == same[actor.id]):
            raise Refused("same-person", f"{event.person} has confirmed as {other}; another person must as {actor.id}.")
    return replace(state, confirmed={**state.confirmed, actor.id: event.person})


def _opened(state: State, line: Sealed, _event: said.OpenedRun) -> State:
    """The run opens when every expert has confirmed."""
    _by_engine(line)
    _unless(state.status == "gathering", "not-now", "The run is open already.")
    missing = _missing_experts(state)
    if missing:
        raise Refused("experts-missing", f"These have not said that they are around: {', '.join(missing)}.")
    return replace(state, status="open")


def _missing_experts(state: State) -> list[str]:
    return [one.id for one in state.pipeline.actors if one.expert and one.id not in state.confirmed]


# Gates: who says yes, to what, until when.


def _asked(state: State, line: Sealed, event: said.Asked) -> State:
    """People are asked when all before the step is done: what the pipeline asks, of exactly what was made."""
    _by_engine(line)
    _open(state)
    step, found = _step(state, event.step, event.attempt)
    gate = step.gate
    if gate is None:
        raise Refused("no-gate", f"Nobody is to be asked before the step {step.id!r}.")
    again = found.status == "asked" and found.asked is not None and line.at > found.asked.expires_at
    stale = found.status == "asked" and found.asked is not None and found.asked.things != things_asked(state, step)
    _unless(found.status == "waiting" or again or stale, "not-now", f"The question before {step.id!r} stands already.")
    _dependencies(state, step)
    wanted = (gate.ask, gate.need, gate.quorum, gate.factor)
    if (event.ask, event.need, event.quorum, event.factor) != wanted:
        raise Refused("other-question", f"That is not what the pipeline asks before {step.id!r}.")
    if not line.at < event.expires_at <= line.at + gate.expires:
        raise Refused("wrong-end", f"An approval of {step.id!r} lasts {gate.expires}, and not to {event.expires_at}.")
    if event.things != things_asked(state, step):
        raise Refused("other-things", f"The question before {step.id!r} is not about what was made.")
    if event.question != question_in(event, run=state.run, first=state.first):
        raise Refused("other-question", "The question's digest is not that of what is asked.")
    return _with(state, replace(found, status="asked", asked=event, asked_at=line.at, approvals=(), grants=()))


def _approved(state: State, line: Sealed, event: said.Approved) -> State:
    """A person who is needed says yes, once, to this question, before its end, with the factor that is demanded.

    People count, not accounts: neither the person, nor any of his identities, nor his key may be there already.
    """
    _open(state)
    _speaks_for_himself(line, event.actor)
    step, found = _step(state, event.step, event.attempt)
    actor = _person(state, event.actor)
    asked = found.asked
    if found.status != "asked" or asked is None:
        raise Refused("not-asked", f"Nobody is asked before the step {step.id!r} now.")
    if event.question != asked.question:
        raise Refused("other-question", f"That answers another question than the one before {step.id!r}.")
    _unless(actor.id in asked.need, "not-needed", f"{actor.id} is not among those who decide on {step.id!r}.")
    if line.at > asked.expires_at:
        raise Refused("expired", f"The question before {step.id!r} ended at {asked.expires_at:%Y-%m-%d %H:%M} UTC.")
    demanded = factor_demanded(state, step, actor.id)
    if rank(event.factor) < rank(demanded):
        raise Refused("weak-factor", f"{actor.id} has shown {event.factor!r}; {demanded!r} is demanded here.")
    if rank(event.factor) > 0 and not meets_at_a_room(state) and not state.rehearsal:
        raise Refused(
            "needs-room", f"One machine alone verifies no {event.factor!r}.", "Open the run at a release room."
        )
    _proved(state, line, event.proof)
    kind = read_proof(event.proof).get("type")
    if kind == "key":
        _key_proof(state, event)
    elif kind == "gpg":
        _names_his_key(state, event)
    _another_person(state, line, event, found)
    return _with(state, replace(found, approvals=(*found.approvals, (line.seq, line.at, event))))


def _key_proof(state: State, event: said.Approved) -> None:
    used = f"key:{credential_of(event.proof).lower()}"
    known = {canonical_identity(one) for one in state.pipeline.actor(event.actor).identities}
    joined = {f"key:{key}" for key in state.keys.get(event.actor, ())}
    _unless(used in known | joined, "wrong-identity", f"The proof is by a key that is not one of {event.actor}.")
    if not key_proof_holds(event.proof, event.question, actor=event.actor):
        raise Refused("false-proof", f"The signature of {event.actor} is not of this question.")


def _names_his_key(state: State, event: said.Approved) -> None:
    """That it has signed, gpg tells: whoever says yes here verifies it at once, and every stranger in the bundle."""
    known = {canonical_identity(one) for one in state.pipeline.actor(event.actor).identities}
    used = canonical_identity(f"gpg:{credential_of(event.proof)}")
    _unless(used in known, "wrong-identity", f"The proof is by a key that is not one of {event.actor}.")


def _another_person(state: State, line: Sealed, event: said.Approved, found: StepState) -> None:
    same = same_people(state.pipeline)
    mine = {credential_of(event.proof).lower(), line.said.key if line.said else ""} - {""}
    for _place, _at, one in found.approvals:
        if one.actor == event.actor:
            raise Refused("said-already", f"{event.actor} has said yes to it already.")
        if one.person == event.person or same[one.actor] == same[event.actor]:
            raise Refused("same-person", f"{event.person} has said yes as {one.actor} already: people count once.")
        theirs = {credential_of(one.proof).lower(), *state.keys.get(one.actor, ())} - {""}
        if mine & theirs:
            raise Refused("same-key", f"{one.actor} has said yes with the same key already: people count once.")


def _declined(state: State, line: Sealed, event: said.DeclinedGate) -> State:
    """A person who is needed says no: the run stops."""
    _open(state)
    _speaks_for_himself(line, event.actor)
    step, found = _step(state, event.step, event.attempt)
    actor = _person(state, event.actor)
    if found.status != "asked" or found.asked is None or event.question != found.asked.question:
        raise Refused("not-asked", f"That question is not asked before the step {step.id!r} now.")
    _unless(actor.id in found.asked.need, "not-needed", f"{actor.id} is not among those who decide on {step.id!r}.")
    _proved(state, line, "")
    back = replace(found, status="waiting", asked=None, asked_at=None, approvals=(), grants=())
    return _stopped_by(
        _with(state, back), line, "declined", event.why, f"a yes of {', '.join(found.asked.need)}", step.id
    )


def _granted(state: State, line: Sealed, event: said.KeyGranted) -> State:
    """A key is released to one attempt of a signing step, for what was tested and approved, and nothing else."""
    _by_engine(line)
    _open(state)
    step, found = _step(state, event.step, event.attempt)
    _unless(found.status in ("waiting", "asked"), "not-now", f"The step {step.id!r} has started.")
    _unless(event.key not in {one.key for one in found.grants}, "twice", f"{event.key} is released already.")
    _dependencies(state, step)
    _unless(gate_passed(state, step.id, line.at), "gate-closed", f"The gate of {step.id!r} has not its quorum.")
    things = to_sign(flat(inputs_of(state, step)))
    _unless(signs(step), "wrong-step", f"{step.id!r} signs nothing.")
    _unless(event.key in keys_wanted(state, step), "wrong-key", f"{event.key} is no key of {step.actor}.")
    _unless(event.things == things, "other-things", f"A key signs exactly what {step.id!r} takes, nothing else.")
    _after_tests(state, step, things)
    _approvals_for_key(state, line, event, step)
    return _with(state, replace(found, grants=(*found.grants, event)))


def _after_tests(state: State, step: Step, things: Things) -> None:
    later = graph.after(state.pipeline, step.id)
    for test in tested(state):
        if test.id in later:
            continue
        _unless(ended(state, test.id), "not-tested", f"Nothing is signed before the step {test.id!r} has tested it.")
        seen = {name for artifact in test.inputs for name, _ in distinct(state.artifacts.get(artifact, ()))}
        used = {pair for things_in in state.steps[test.id].inputs.values() for pair in distinct(things_in)}
        other = sorted(name for name, digest in distinct(things) if name in seen and (name, digest) not in used)
        _unless(not other, "not-tested", f"That is not what {test.id!r} has tested: {', '.join(other)}.")


def _approvals_for_key(state: State, line: Sealed, event: said.KeyGranted, step: Step) -> None:
    names = [step.id] if step.gate else sorted(graph.before(state.pipeline, step.id))
    gates = [state.steps[name] for name in names if state.pipeline.step(name).gate and state.steps[name].asked]
    holding = {
        place
        for one in gates
        for place, _, _ in one.approvals
        if one.asked and (one.id != step.id or line.at <= one.asked.expires_at)
        if distinct(event.things) <= distinct(one.asked.things)
    }
    if not event.approvals or not set(event.approvals) <= holding:
        raise Refused("not-approved", f"No person has approved that {event.key} signs exactly this.")


# Steps: start, checks, end.


def _started(state: State, line: Sealed, event: said.StepStarted) -> State:
    """A step starts when all before it is done, its gate is passed and what it takes is exactly what was made.

    Said again for a step that runs, it renews the lease (the same machine), or takes it over (after its end): the
    attempt and its idempotency key stay the same.
    """
    step, found = _step(state, event.step, event.attempt)
    _speaks_in(state, line, step)
    _unless(event.lease_until > line.at, "no-lease", "A lease ends after it begins.")
    if event.idempotency_key != idempotency_key(state.run, step.id, event.attempt):
        raise Refused("wrong-key", "The idempotency key is not that of this attempt.")
    if _sorted(event.inputs) != _sorted(inputs_of(state, step)):
        raise Refused("other-inputs", f"What {step.id!r} would take is not what the steps before it made.")
    if found.status == "running":
        return _lease(state, line, event, step, found)
    if state.status == "aborting":
        _unless(step.always, "aborting", f"The run is being abandoned; {step.id!r} does not start.")
        _unless(found.status in ("waiting", "asked"), "twice", f"The step {step.id!r} is {found.status}.")
    else:
        _open(state)
        _may_start(state, line, step, found)
    new = replace(
        found, status="running", machine=event.machine, key=_key_of(line), started_at=line.at,
        lease_until=event.lease_until, idempotency_key=event.idempotency_key, inputs=event.inputs,
    )  # fmt: skip
    return _with(state, new)


def _lease(state: State, line: Sealed, event: said.StepStarted, step: Step, found: StepState) -> State:
    """Where the run stands still, it is renewed too, so that what runs comes to its end; nobody else begins there.

    But for two: a step whose machine was gone is taken up, and with it the run goes on, if nothing else stopped it; and
    what strangers may have seen is taken over to ask whether it was done.
    """
    _unless(state.status in ("open", "aborting", "stopped"), "stopped", "The run stands still.")
    over = found.lease_until is None or line.at >= found.lease_until
    other = event.machine != found.machine or (state.rules > 1 and _key_of(line) != found.key)
    if other and not over:
        raise Refused("leased", f"{found.machine} is at it until {found.lease_until:%H:%M:%S} UTC.", status=409)
    new = _with(
        state, replace(found, machine=event.machine, key=_key_of(line), lease_until=event.lease_until)
    )  # fmt: skip
    if awaits_machine(state) == step.id:
        return replace(new, status="open", stop=None)
    _unless(state.status != "stopped" or not other or public(step), "stopped", "The run stands still.")
    return new


def _holds_lease(state: State, line: Sealed, found: StepState) -> None:
    """Whoever was away while another took the attempt over has nothing more to say of it."""
    if state.rules > 1 and found.status == "running" and _key_of(line) != found.key:
        raise Refused(
            "lease-lost", f"{found.machine} is at {found.id!r} now: what was made elsewhere does not count.",
            "Nothing is to be done: that machine says how it ended.", status=409,
        )  # fmt: skip


def _key_of(line: Sealed) -> str:
    return line.said.key if line.said is not None else ""


def _may_start(state: State, line: Sealed, step: Step, found: StepState) -> None:
    _unless(found.status in ("waiting", "asked"), "twice", f"The step {step.id!r} is {found.status}.")
    _unless(graph.applies(step, state.params), "not-in-this-run", f"{step.id!r} is not done when {step.when}.")
    _dependencies(state, step)
    if found.owed is not None:
        raise Refused("undo-first", f"Attempt {found.owed.attempt} of {step.id!r} has to be taken back first.")
    _unless(gate_passed(state, step.id, line.at), "gate-closed", f"The gate of {step.id!r} has not its quorum.")
    if step.uses == PUBLISH:
        again = found.attempt > 1
        _unless(state.published_at is None or again, "published", "The release is public already.")
        _all_gates(state, step)
    elif public(step) and any(one.uses == PUBLISH for one in applicable(state)):
        _unless(state.published_at is not None, "not-published", f"{step.id!r} waits until the release is published.")
    if signs(step):
        missing = set(keys_wanted(state, step)) - {one.key for one in found.grants}
        _unless(found.grants and not missing, "no-grant", f"No key is released to the step {step.id!r}.")


def _all_gates(state: State, step: Step) -> None:
    later = graph.after(state.pipeline, step.id) | {step.id}
    for one in applicable(state):
        if one.gate and one.id not in later and not ended(state, one.id):
            raise Refused("gate-closed", f"The gate of {one.id!r} has not been passed.")


def _checked(state: State, line: Sealed, event: said.Checked) -> State:
    """A check is of a step that runs. One that fails stops the run."""
    step, found = _step(state, event.step, event.attempt)
    _speaks_in(state, line, step)
    _holds_lease(state, line, found)
    late = found.status == "done" and event.check == _LATE_CHECK
    _unless(found.status == "running" or late, "not-running", f"The step {step.id!r} is {found.status}.")
    _unless(event.check in CHECKS, "unknown-check", f"There is no check {event.check!r}.")
    new = _with(state, replace(found, checks=(*found.checks, event)))
    if event.ok or state.status == "aborting":
        return new
    return _stopped_by(new, line, FAILED_CHECK + event.check, event.saw, event.expected, step.id, event.place)


def _done(state: State, line: Sealed, event: said.StepDone) -> State:
    """A step ends well when every check has been made and held, and it made exactly what it declares.

    One that ran when the run was stopped may come to its end: what happened is written down. Nothing starts after it.
    """
    step, found = _step(state, event.step, event.attempt)
    _speaks_in(state, line, step)
    _unless(found.status == "running", "not-running", f"The step {step.id!r} is {found.status}.")
    _holds_lease(state, line, found)
    failed = [one.check for one in found.checks if not one.ok]
    _unless(not failed, "check-failed", f"A step whose check has failed is not done: {', '.join(failed)}.")
    made = {one.check for one in found.checks}
    wanted = {*step.checks, *(("handover",) if flat(found.inputs) else ())} - {_LATE_CHECK}
    if state.status != "aborting" and wanted - made:
        raise Refused("not-checked", f"{step.id!r} is not done before these are checked: {', '.join(wanted - made)}.")
    faults = output_faults(state.pipeline, step, state.params, event.outputs, state.artifacts)
    _unless(not faults, "other-outputs", f"{step.id!r} did not make what it declares: {'; '.join(faults[:5])}.")
    for one in found.rebuilds:
        if one.agrees and not _same(state, step, one.outputs, event.outputs):
            raise Refused("not-equal", f"The build of {one.by} is not the same, though it is said to be.")
    if step.uses == PUBLISH:
        _unless(state.published_at is not None, "not-published", f"{step.id!r} has not said what it published.")
    signed = {(one.thing.name, one.thing.digest) for one in found.signed}
    if signs(step):
        missing = distinct(_to_sign(state, step, found)) - signed
        _unless(not missing, "unsigned", f"Not signed: {', '.join(sorted(name for name, _ in missing))}.")
    new = replace(
        found, status="done", outputs=event.outputs, facts=event.facts, ended_at=line.at, recovered=event.recovered
    )
    return _made(_with(state, new))


def _failed(state: State, line: Sealed, event: said.StepFailed) -> State:
    """A step that runs can fail at any time; of one whose machine is gone, the engine may say so after its lease.

    Not of what strangers may have seen: whether that was done is asked, and not supposed.
    """
    step, found = _step(state, event.step, event.attempt)
    _unless(found.status == "running", "not-running", f"The step {step.id!r} is {found.status}.")
    gone = line.by == ENGINE and found.lease_until is not None and line.at >= found.lease_until
    if not gone or (state.rules > 1 and public(step) and meets_at_a_room(state)):
        _speaks_in(state, line, step)
        _holds_lease(state, line, found)
    return _with(state, replace(found, status="failed", failure=f"{event.code}: {event.why}", ended_at=line.at))


def _skipped(state: State, line: Sealed, event: said.StepSkipped) -> State:
    """A step is skipped only if its condition does not hold, or the run is abandoned before it came to it."""
    _by_engine(line)
    step, found = _step(state, event.step)
    waits = found.status == "waiting" or (found.status == "asked" and state.status == "aborting")
    _unless(waits, "not-now", f"The step {step.id!r} is {found.status}.")
    if state.status != "aborting":
        _open(state)
        _unless(not graph.applies(step, state.params), "not-skipped", f"Nothing says that {step.id!r} is left out.")
        _dependencies(state, step)
    return _with(state, replace(found, status="skipped", ended_at=line.at))


def _rebuilt(state: State, line: Sealed, event: said.Rebuilt) -> State:
    """Somebody else whom the pipeline names has built the same. If it is not the same, the run stops.

    He speaks while the step runs (alone on one machine), or after its end (at a room); what follows waits for him.
    """
    step, found = _step(state, event.step, event.attempt)
    rebuild = step.rebuild
    if rebuild is None or event.by not in rebuild.by:
        raise Refused("wrong-speaker", f"{event.by} is not among those who build {step.id!r} again.")
    _unless(line.by == event.by or not _needs_key(state, line), "wrong-speaker", f"{line.by} is not {event.by}.")
    _own_key(state, line)
    _unless(found.status in ("running", "done"), "not-running", f"The step {step.id!r} is {found.status}.")
    same = same_people(state.pipeline)
    _unless(same[event.by] != same[step.actor], "same-builder", f"{event.by} is the same as {step.actor}.")
    for one in found.rebuilds:
        _unless(same[one.by] != same[event.by], "twice", f"{event.by} has built it already.")
    if event.agrees and found.status == "done" and not _same(state, step, event.outputs, found.outputs):
        raise Refused("not-equal", f"The build of {event.by} is not the same, though it is said to be.")
    new = _with(state, replace(found, rebuilds=(*found.rebuilds, event)))
    if event.agrees:
        return new
    saw = event.difference or "other bytes"
    return _stopped_by(new, line, FAILED_CHECK + "rebuilds-agree", saw, "the same bit for bit", step.id, event.by)


def _signed(state: State, line: Sealed, event: said.SignedThing) -> State:
    """A key signs only what it was released for, in the attempt that it was released to."""
    step, found = _step(state, event.step, event.attempt)
    _speaks_in(state, line, step)
    _unless(found.status == "running", "not-running", f"The step {step.id!r} is {found.status}.")
    _holds_lease(state, line, found)
    kind = {"gpg": "gpg:", "sigstore": "oidc:"}.get(event.how)
    if kind is None:
        raise Refused("unknown-signature", f"Nothing signs by {event.how!r}.")
    grants = [one for one in found.grants if one.key.startswith(kind)]
    _unless(grants, "no-grant", f"No key for {event.how} is released to the step {step.id!r}.")
    if not any(event.thing in one.things for one in grants):
        raise Refused("not-granted", f"The key is not released for {event.thing.name} with this digest.")
    _unless(event.thing in flat(found.inputs), "other-things", f"{event.thing.name} is not what {step.id!r} takes.")
    return _with(state, replace(found, signed=(*found.signed, event)))


def _published(state: State, line: Sealed, event: said.Published) -> State:
    """A release becomes public once, after every gate, and with nothing that was not made in this run."""
    step, found = _step(state, event.step, event.attempt)
    _speaks_in(state, line, step)
    _unless(step.uses == PUBLISH, "wrong-step", f"{step.id!r} does not publish.")
    _unless(found.status == "running", "not-running", f"The step {step.id!r} is {found.status}.")
    _holds_lease(state, line, found)
    _unless(state.published_at is None, "published", "The release is public already.")
    _all_gates(state, step)
    strange = sorted(name for name, _ in distinct(event.things) - distinct(flat(found.inputs)))
    _unless(not strange, "other-things", f"Published, and not what {step.id!r} takes: {', '.join(strange)}.")
    return replace(state, published_at=line.at)


# Refs that are watched.


def _tag_seen(state: State, line: Sealed, event: said.TagSeen) -> State:
    """A tag stays where it was first seen. Where there was none, only the tag of this run may appear."""
    _speaks_of_refs(state, line)
    place = (event.remote, event.ref)
    was = state.refs.get(place)
    if event.ref.startswith("refs/tags/") and was is not None and was != event.oid:
        ours = {thing.digest for thing in flat(state.artifacts) if thing.algorithm in ("gitTag", "gitCommit")}
        _unless(was == "" and event.oid in ours, TAG_MOVED, f"{event.ref} on {event.remote} was at {was or 'nothing'}.")
    return replace(state, refs={**state.refs, place: event.oid})


def _tag_moved(state: State, line: Sealed, event: said.TagMoved) -> State:
    """A watched tag is not where it was: the run stops, even if it is put back."""
    _speaks_of_refs(state, line)
    place = f"{event.remote} {event.ref}"
    saw = f"{event.now or 'nothing'} (seen by {event.seen_by})"
    if state.status == "aborting":
        return state
    return _stopped_by(state, line, TAG_MOVED, saw, event.was or "nothing", place=place)


# Standing still, going on, going back.


def _stopped(state: State, line: Sealed, event: said.Stopped) -> State:
    """The run stands still. What stopped it first stays, unless this is graver."""
    _unless(line.by == ENGINE or line.by in state.keys, "wrong-speaker", f"{line.by} has not joined.")
    _own_key(state, line)
    _unless(state.status in ("open", "stopped"), "not-now", f"The run is {state.status}.")
    return _stopped_by(state, line, event.code, event.saw, event.expected, event.step, event.place)


def _resumed(state: State, line: Sealed, event: said.Resumed) -> State:
    """A person has looked. What failed is tried again. What was tampered with is not: restart from before it."""
    _by_person(state, line, event.person)
    stop = state.stop
    if state.status != "stopped" or stop is None:
        raise Refused("not-stopped", "The run does not stand still.")
    if reason := why_not_resumed(stop):
        raise Refused("not-resumed", reason, f"Restart from an earlier step{_than(stop)}, or abandon the run.")
    names = [name for name, one in state.steps.items() if one.status == "failed"]
    return replace(_reset(state, names), status="open", stop=None, resumed_at=line.at)


def _restarted(state: State, line: Sealed, event: said.Restarted) -> State:
    """Another attempt from a step on. The engine may, where the pipeline says so, and not for ever; people always.

    Never of what strangers have seen; and after tampering only from a step before what was tampered with.
    """
    step, _ = _step(state, event.step)
    again = again_from(state, step.id)
    if line.by == ENGINE and not event.person:
        _open(state)
        _engine_restarts(state, step)
    else:
        _by_person(state, line, event.person)
        _unless(state.status in ("open", "stopped"), "not-now", f"The run is {state.status}.")
    if seen := no_way_back(state, again):
        raise Refused("public", f"Strangers have seen what came of {seen!r}: there is no way back before it.")
    _nobody_publishes(state, line, again)
    if state.rules > 1:
        _settled(state, again)
    for stop in (*([state.stop] if state.stop is not None else ()), *state.graver):
        _early_enough(state, stop, step, again)
    names = [name for name in state.steps if name in again]
    new = _reset(state, names)
    # What is made or pushed anew: where it was does not count any more. What nobody moves is watched on.
    gone = {thing.digest for name in names for things in state.steps[name].outputs.values() for thing in things}
    pushed = {state.pipeline.step(name).env for name in names if state.pipeline.step(name).uses == "git.push"}
    kept = {place: oid for place, oid in state.refs.items() if oid not in gone and place[0] not in pushed}
    # A run that had not opened when it was stopped still waits for its experts.
    status: RunStatus = "gathering" if _missing_experts(state) else "open"
    return replace(new, refs=kept, status=status, stop=None, graver=())


def _nobody_publishes(state: State, line: Sealed, names: Iterable[str]) -> None:
    """What strangers may be seeing at this moment must be written down before anything takes its place."""
    for name in names:
        found = state.steps[name]
        within = found.lease_until is not None and line.at < found.lease_until
        if found.status == "running" and within and public(state.pipeline.step(name)):
            raise Refused(
                "publishing", f"{found.machine} is at {name!r}, which strangers see: it must come to its end first.",
                "Let that machine go on; it says whether it was done.", status=409,
            )  # fmt: skip


def _settled(state: State, names: Iterable[str]) -> None:
    """Other bytes than those that strangers may have are not made before somebody has looked whether they have them."""
    for found in unsettled(state):
        if found.id in names:
            actor = state.pipeline.step(found.id).actor
            raise Refused(
                "unsettled", f"{found.machine} began {found.id!r}, which strangers see, and never said how it ended.",
                f"Start a machine of {actor} (a run alone: `release run`): it looks whether it was done.", status=409,
            )  # fmt: skip


def _engine_restarts(state: State, step: Step) -> None:
    wanted = f"restart:{step.id}"
    failed = [one.id for one in state.steps.values() if one.status == "failed"]
    if not any(state.pipeline.step(name).on_fail == wanted for name in failed):
        raise Refused("not-restarted", f"No step that failed says that it starts again from {step.id!r}.")
    if max(state.steps[name].attempt for name in (step.id, *failed)) >= MOST_ATTEMPTS:
        raise Refused("too-often", f"After {MOST_ATTEMPTS} attempts a person has to look.")


def _early_enough(state: State, stop: Stop, step: Step, again: Iterable[str]) -> None:
    if stop.code == TAG_MOVED:
        tags = [one.id for one in applicable(state) if any(_is_tag(state, name) for name in one.outputs)]
        _unless(set(tags) <= set(again), "too-late", "The tag was moved: restart from where it is made, or before.")
    elif stop.step and _of_what_comes_in(stop):
        if stop.step == step.id or stop.step not in again:
            raise Refused("too-late", f"What {stop.step!r} was given is not what was made: restart before it.")
    elif (
        stop.step
        and stop.step not in again
        and (why_not_resumed(stop) or state.steps[stop.step].status in ("running", "failed"))
    ):
        raise Refused("too-late", f"The step {stop.step!r} stands still: restart from it, or from before it.")


def _aborting(state: State, line: Sealed, event: said.Aborting) -> State:
    """A person abandons the run, as long as nothing is public; after that only if it can never go on.

    What is public stays so: what else was done is taken back, such as the lock of a branch. Where nobody knows whether
    something is public, that is looked at first.
    """
    _by_person(state, line, event.person)
    _unless(state.status in ("gathering", "open", "stopped"), "not-now", f"The run is {state.status}.")
    if state.published_at is not None and not (state.stop and why_not_resumed(state.stop)):
        raise Refused("published", "The release is public: nothing takes it back.", "Yank it, and release another.")
    _nobody_publishes(state, line, state.steps)
    return replace(state, status="aborting", stop=None, graver=())


def _undone(state: State, line: Sealed, event: said.Undone) -> State:
    """What was done is taken back, newest first: all of it when a run is abandoned, else an attempt that is over."""
    step, found = _step(state, event.step)
    _speaks_in(state, line, step)
    if state.rules > 1 and state.status == "aborting":
        _settled(state, state.steps)
    waiting = to_undo(state)
    mine = [one for one in waiting if (one.id, one.attempt) == (step.id, event.attempt)]
    if not mine:
        raise Refused("nothing-to-undo", f"Attempt {event.attempt} of {step.id!r} is not to be taken back.")
    later = graph.after(state.pipeline, step.id)
    first = [one.id for one in waiting if one.id in later]
    _unless(not first, "newest-first", f"Before {step.id!r} these are taken back: {', '.join(first)}.")
    if found.owed is not None and found.owed.attempt == event.attempt:
        return _with(state, replace(found, owed=None))
    return _made(_with(state, replace(found, status="undone", ended_at=line.at)))


def _noted(state: State, _line: Sealed, event: said.Noted | said.Anchored | said.Attested) -> State:
    """A line for people, a head in a log, a statement that was signed: they change nothing but that it is said."""
    if isinstance(event, said.Attested) and not event.step:
        return replace(state, last_word="said")
    if isinstance(event, said.Anchored) and state.last_word == "said":
        return replace(state, last_word="logged")
    if isinstance(event, said.Attested) and event.step in state.steps:
        return _with(state, replace(state.steps[event.step], attested=True))
    return state


def _finished(state: State, line: Sealed, event: said.Finished) -> State:
    """``released`` when every step is done or skipped; ``abandoned`` when everything has been taken back."""
    _by_engine(line)
    if event.outcome == "released":
        _open(state)
        left = [name for name in state.steps if not ended(state, name)]
        _unless(not left, "not-done", f"These are not done: {', '.join(left)}.")
        return replace(state, status="released", finished_at=line.at)
    _unless(event.outcome == "abandoned", "no-outcome", f"A run does not end as {event.outcome!r}.")
    _unless(state.status == "aborting", "not-now", f"The run is {state.status}; nobody abandons it.")
    left = [one.id for one in (*to_undo(state), *(unsettled(state) if state.rules > 1 else ()))]
    left += [
        one.id
        for one in applicable(state)
        if (one.always and state.steps[one.id].status in ("waiting", "asked", "running"))
    ]
    _unless(not left, "not-done", f"These are still to be taken back or done: {', '.join(left)}.")
    return replace(state, status="abandoned", finished_at=line.at)


# What several rules share.


def _all_params(pipeline: Any, params: Mapping[str, str]) -> dict[str, str]:
    defaults = {one.name: one.default for one in pipeline.params if one.default is not None}
    return {**defaults, **params}


def _is_tag(state: State, artifact: str) -> bool:
    return state.pipeline.artifact(artifact).type == "git-tag"


def _unless(holds: object, code: str, sentence: str) -> None:
    if not holds:
        raise Refused(code, sentence)


def _is_actor(state: State, line: Sealed) -> None:
    if line.by != ENGINE:
        _actor(state, line.by)


def _actor(state: State, name: str) -> Actor:
    try:
        return state.pipeline.actor(name)
    except KeyError:
        raise Refused("unknown-actor", f"The pipeline names no actor {name[:60]!r}.") from None


def _person(state: State, name: str) -> Actor:
    actor = _actor(state, name)
    _unless(not actor.machine, "no-person", f"{actor.id} is a machine: only people decide.")
    return actor


def _step(state: State, name: str, attempt: int | None = None) -> tuple[Step, StepState]:
    if name not in state.steps:
        raise Refused("unknown-step", f"The pipeline has no step {name[:60]!r}.")
    found = state.steps[name]
    if attempt is not None and attempt != found.attempt:
        raise Refused("other-attempt", f"The step {name!r} is at attempt {found.attempt}, not {attempt}.", status=409)
    return state.pipeline.step(name), found


def _dependencies(state: State, step: Step) -> None:
    missing = waits_for(state, step.id)
    _unless(not missing, "too-early", f"{step.id!r} waits for {', '.join(missing)}.")


def _open(state: State) -> None:
    if state.status == "gathering":
        raise Refused("gathering", "The run has not opened: not every expert has said that he is around.")
    if state.status == "stopped":
        code = state.stop.code if state.stop else "stopped"
        raise Refused("stopped", f"The run stands still ({code}).", "A person has to resume, restart or abandon it.")
    _unless(state.status == "open", state.status, f"The run is {state.status}.")


def _to_sign(state: State, step: Step, found: StepState) -> Things:
    """What must have been signed: what the signatures cover, or each file that came in."""
    covered = {name for artifact in step.outputs for name in state.pipeline.artifact(artifact).covers}
    taken = {name: things for name, things in found.inputs.items() if not covered or name in covered}
    return to_sign(flat(taken))


def _by_engine(line: Sealed) -> None:
    _unless(line.by == ENGINE, "wrong-speaker", f"Only the engine says {line.event.kind!r}, and not {line.by}.")


def _speaks_for_himself(line: Sealed, actor: str) -> None:
    _unless(line.by == actor, "wrong-speaker", f"{line.by} cannot say {line.event.kind!r} for {actor}.")


def _by_person(state: State, line: Sealed, person: str) -> None:
    """An actor who is a person; in a room also somebody for whom it vouches, such as an owner of the project."""
    _unless(person, "no-person", "It must be said which person decides.")
    if line.by == ENGINE and meets_at_a_room(state):
        return
    _unless(line.by != ENGINE, "wrong-speaker", f"A person says {line.event.kind!r}, and not the engine.")
    _person(state, line.by)
    _proved(state, line, "")


def _proved(state: State, line: Sealed, proof: str) -> None:
    """Alone on one machine a person proves himself by a key or a proof; in a room, the room may vouch for him."""
    _own_key(state, line)
    by_key = read_proof(proof).get("type") == "key"
    if line.said is None and not by_key and not meets_at_a_room(state):
        raise Refused("no-proof", f"{line.by} has not proved who he is.", "Sign with a key that the pipeline names.")


def _own_key(state: State, line: Sealed) -> None:
    if line.said is not None and line.said.key not in state.keys.get(line.by, ()):
        raise Refused("wrong-key", f"{line.by} signs with a key that has not joined.")


def _needs_key(state: State, line: Sealed) -> bool:
    return line.by != ENGINE or meets_at_a_room(state)


def _speaks_in(state: State, line: Sealed, step: Step) -> None:
    """Of a step speaks its actor; the engine where it is alone, and of a gate."""
    _own_key(state, line)
    if line.by == ENGINE and (step.uses == GATE or not meets_at_a_room(state)):
        return
    _unless(line.by == step.actor, "wrong-speaker", f"{line.by} is not {step.actor}, who does {step.id!r}.")
    _unless(line.said, "unsigned", f"{line.by} has not signed what he says of {step.id!r}.")


def _speaks_of_refs(state: State, line: Sealed) -> None:
    _own_key(state, line)
    if line.by != ENGINE:
        _unless(line.said, "unsigned", f"{line.by} has not signed what he saw.")


def why_not_resumed(stop: Stop) -> str:
    """Why nobody can let the run go on from where it stands; empty if a person may."""
    if stop.code == TAG_MOVED:
        return "A watched tag was moved; putting it back mends nothing."
    if stop.code.startswith(TAMPERED):
        return f"Somebody has changed what nobody may change ({stop.code.removeprefix(TAMPERED)})."
    if stop.code.startswith(FAILED_CHECK):
        return f"The check {stop.code.removeprefix(FAILED_CHECK)!r} has failed: what was made does not count."
    return ""


def awaits_machine(state: State) -> str:
    """The step whose machine is gone, where that alone keeps the run from going on; empty otherwise."""
    stop = state.stop
    gone = state.status == "stopped" and stop is not None and stop.code == MACHINE_GONE
    if stop is None or not gone or state.graver or stop.step not in state.steps:
        return ""
    return stop.step if state.steps[stop.step].status == "running" else ""


def _of_what_comes_in(stop: Stop) -> bool:
    return stop.code.startswith(TAMPERED) or stop.code.removeprefix(FAILED_CHECK) in _OF_WHAT_COMES_IN


def _than(stop: Stop) -> str:
    return f" than {stop.step!r}" if stop.step and _of_what_comes_in(stop) else ""


def _stopped_by(
    state: State, line: Sealed, code: str, saw: str, expected: str, step: str = "", place: str = ""
) -> State:
    new = Stop(code, saw, expected, line.by, line.at, step, place)
    if why_not_resumed(new):
        state = replace(state, graver=(*state.graver, new))
    only_waits = awaits_machine(state) != ""
    if state.stop is not None and not only_waits and (why_not_resumed(state.stop) or not why_not_resumed(new)):
        return replace(state, status="stopped")
    return replace(state, status="stopped", stop=new)


def _reset(state: State, names: Iterable[str]) -> State:
    """Another attempt of these steps; what is to be taken back of the last one is owed."""
    steps = dict(state.steps)
    for name in names:
        old = steps[name]
        if old.status == "skipped" or (old.status == "waiting" and not old.grants):
            continue
        done_something = old.status in ("running", "done", "failed") and undoable(state.pipeline.step(name))
        owed = replace(old, owed=None) if done_something else old.owed
        steps[name] = StepState(name, attempt=old.attempt + 1, owed=owed)
    return _made(replace(state, steps=steps))


def _made(state: State) -> State:
    return replace(state, artifacts=artifacts_of(state.pipeline, state.steps))


def _with(state: State, step: StepState) -> State:
    return replace(state, steps={**state.steps, step.id: step})


def _sorted(things: Mapping[str, Things]) -> dict[str, Things]:
    return {name: tuple(sorted(one)) for name, one in things.items()}


def _same(state: State, step: Step, one: Mapping[str, Things], other: Mapping[str, Things]) -> bool:
    compared = [name for name in step.outputs if state.pipeline.artifact(name).reproducible] or step.outputs
    return all(distinct(one.get(name, ())) == distinct(other.get(name, ())) for name in compared)


_Rule = Callable[[State, Sealed, Any], State]
_RULES: dict[type[Event], _Rule] = cast(
    "dict[type[Event], _Rule]",
    {
        said.Joined: _joined,
        said.Confirmed: _confirmed,
        said.OpenedRun: _opened,
        said.Asked: _asked,
        said.Approved: _approved,
        said.DeclinedGate: _declined,
        said.KeyGranted: _granted,
        said.StepStarted: _started,
        said.Checked: _checked,
        said.StepDone: _done,
        said.StepFailed: _failed,
        said.StepSkipped: _skipped,
        said.Rebuilt: _rebuilt,
        said.SignedThing: _signed,
        said.TagSeen: _tag_seen,
        said.TagMoved: _tag_moved,
        said.Restarted: _restarted,
        said.Stopped: _stopped,
        said.Resumed: _resumed,
        said.Published: _published,
        said.Aborting: _aborting,
        said.Undone: _undone,
        said.Anchored: _noted,
        said.Attested: _noted,
        said.Noted: _noted,
        said.Finished: _finished,
    },
)
