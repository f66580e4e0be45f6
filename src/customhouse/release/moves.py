"""What can happen next in a run, from its state and the time alone: for the engine, the room and the picture. Pure.

Whoever conducts a run takes these moves and makes events of them; `rules.apply` judges each once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.model import Step
from customhouse.release.events import (
    Asked,
    Event,
    Finished,
    KeyGranted,
    Noted,
    OpenedRun,
    Restarted,
    StepSkipped,
    Stopped,
)
from customhouse.release.question import question_of
from customhouse.release.rules import MOST_ATTEMPTS, TAMPERED, awaits_machine
from customhouse.release.standing import (
    again_from,
    ended,
    flat,
    gate_passed,
    inputs_of,
    keys_wanted,
    meets_at_a_room,
    no_way_back,
    same_people,
    signs,
    things_asked,
    to_sign,
    to_undo,
    unsettled,
    waits_for,
)
from customhouse.release.state import State, StepState

_RESTART = "restart:"
SIGSTORE = "sigstore"
"""The place whose Sigstore signs what the journal tells."""
LAST_WORD = timedelta(minutes=5)
"""A release is not held up for longer by machines that do not sign what they did."""
TESTS_WORD = timedelta(minutes=2)
"""Nor is a key, by machines that do not sign that they have tested."""
TESTS = "test."
"""How actions that test are called."""


@dataclass(frozen=True, slots=True)
class Say:
    """The engine says this now: the run opens, people are asked, a key is released, a step is left out, the end."""

    event: Event


@dataclass(frozen=True, slots=True)
class Start:
    """A step can start: its actor's machine does it."""

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class TakeUp:
    """A step has started and its lease is over: ask its probe whether it was done, and do it if not."""

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Settle:
    """A step has started, strangers may have seen it, and the run does not go on.

    Ask its probe whether it was done, and do nothing.
    """

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Undo:
    """What an attempt did is to be taken back."""

    step: str
    attempt: int


Move: TypeAlias = Say | Start | TakeUp | Settle | Undo


def next_moves(state: State, now: datetime) -> list[Move]:
    """All that can happen now, the most urgent first; empty while the run waits for people or for steps that run."""
    if state.status == "gathering":
        return [Say(OpenedRun())] if _all_are_around(state) else []
    if state.status == "open":
        return list(_open(state, now))
    if state.status == "aborting":
        return list(_aborting(state, now))
    if state.status == "stopped":
        return list(_stopped(state, now))
    return []


def words_at_the_end(state: State, end: Finished) -> list[Event]:
    """What is said when a run ends: of one that is abandoned, too, that strangers have it all the same."""
    if end.outcome == "abandoned" and state.published_at is not None:
        text = f"It is public since {state.published_at:%Y-%m-%d %H:%M} UTC, though the run is abandoned."
        return [Noted(f"{text} Nothing takes that back: yank it, and release another version."), end]
    return [end]


def waits_for_people(state: State, now: datetime) -> list[tuple[str, tuple[str, ...]]]:
    """Whom the run waits for: the step (empty before the run opens) and the actors who have not answered."""
    if state.status == "gathering":
        missing = tuple(one.id for one in state.pipeline.actors if one.expert and one.id not in state.confirmed)
        return [("", missing)] if missing else []
    if state.status != "open":
        return []
    return [
        (name, tuple(one for one in found.asked.need if one not in {each.actor for _, _, each in found.approvals}))
        for name, found in state.steps.items()
        if found.status == "asked" and found.asked is not None and not gate_passed(state, name, now)
    ]


def wakes_at(state: State, now: datetime) -> datetime | None:
    """When something happens by time alone, if nobody acts: a lease or a question ends."""
    ends = [one.lease_until for one in state.steps.values() if one.status == "running" and one.lease_until]
    ends += [one.asked.expires_at for one in state.steps.values() if one.status == "asked" and one.asked]
    ends += [one for one in (_last_word_until(state), _tests_word_until(state)) if one is not None]
    return min((one for one in ends if one > now), default=None) if state.status in ("open", "aborting") else None


def _last_word_until(state: State) -> datetime | None:
    """How long a room waits for the verdict, after the last step; None where nobody signs one.

    Machines sign what they have done and log it a moment later; after the last line nobody could.
    """
    if not _machines_sign(state) or state.last_word == "logged":
        return None
    if state.last_word == "said" and state.places[SIGSTORE].get("anchor") == "false":
        return None
    ends = [one.ended_at for one in state.steps.values() if one.ended_at is not None]
    return max(ends) + LAST_WORD if ends else None


def _machines_sign(state: State) -> bool:
    """Whether machines say under signature what they have done, each for itself and a moment later."""
    signs_here = SIGSTORE in state.places and state.places[SIGSTORE].get("attest") != "false"
    return meets_at_a_room(state) and signs_here and not state.rehearsal


def _tests_word_until(state: State) -> datetime | None:
    """How long a key is held back until the machines that tested have said so; None if they have, or nobody signs.

    What was tested is signed afterwards, and strangers see that by the log's clock alone.
    """
    if not _machines_sign(state):
        return None
    silent = [
        found.ended_at
        for name, found in state.steps.items()
        if state.pipeline.step(name).uses.startswith(TESTS) and found.status == "done" and not found.attested
        if found.ended_at is not None
    ]
    return max(silent) + TESTS_WORD if silent else None


def _awaits_word_of_tests(state: State, now: datetime) -> bool:
    until = _tests_word_until(state)
    return until is not None and now < until


def _awaits_last_word(state: State, now: datetime) -> bool:
    until = _last_word_until(state)
    return until is not None and now < until


def _all_are_around(state: State) -> bool:
    same = same_people(state.pipeline)
    experts = [one.id for one in state.pipeline.actors if one.expert]
    around = [one for one in experts if one in state.confirmed]
    return len({same[one] for one in around}) == len(experts)


def _open(state: State, now: datetime) -> Iterator[Move]:
    failed = [one for one in state.steps.values() if one.status == "failed"]
    if failed:
        yield Say(after_failure(state, failed[0]))
        return
    owed = to_undo(state)
    yield from (Undo(one.id, one.attempt) for one in owed[:1])
    waiting = 0
    for step in state.pipeline.steps:
        found = state.steps[step.id]
        if ended(state, step.id):
            continue
        waiting += 1
        if found.status == "running" and _lease_is_over(found, now):
            yield TakeUp(step.id, found.attempt)
        elif found.status in ("waiting", "asked") and found.owed is None and not waits_for(state, step.id):
            yield from _towards(state, step, found, now)
    if not waiting and not owed and not _awaits_last_word(state, now):
        yield Say(Finished("released"))


def _lease_is_over(found: StepState, now: datetime) -> bool:
    return found.lease_until is not None and now >= found.lease_until


def _stopped(state: State, now: datetime) -> Iterator[Move]:
    """A step that nothing but a machine keeps from going on is taken up; of others that strangers see, only asked."""
    if gone := awaits_machine(state):
        yield TakeUp(gone, state.steps[gone].attempt)
    yield from _settle(state, now)


def _settle(state: State, now: datetime) -> Iterator[Move]:
    gone = awaits_machine(state)
    for found in unsettled(state):
        if found.id != gone and _lease_is_over(found, now):
            yield Settle(found.id, found.attempt)


def _towards(state: State, step: Step, found: StepState, now: datetime) -> Iterator[Move]:
    """A step that everything before is done of: left out, asked for, given its key, or started."""
    if not graph.applies(step, state.params):
        yield Say(StepSkipped(step.id, f"not when {step.when}"))
        return
    if not gate_passed(state, step.id, now):
        if _must_be_asked(state, step, found, now):
            yield Say(question(state, step, now))
        return
    missing = [key for key in keys_wanted(state, step) if key not in {one.key for one in found.grants}]
    if signs(step) and missing and _awaits_word_of_tests(state, now):
        return
    if signs(step) and missing:
        for key in missing:
            yield Say(_grant(state, step, found, key))
        return
    yield Start(step.id, found.attempt)


def question(state: State, step: Step, now: datetime) -> Asked:
    """What people are asked before a step, now."""
    gate = step.gate
    if gate is None:
        raise LookupError(step.id)
    things, expires_at, attempt = things_asked(state, step), now + gate.expires, state.steps[step.id].attempt
    digest = question_of(
        run=state.run, first=state.first, step=step.id, attempt=attempt, ask=gate.ask,
        things=things, expires_at=expires_at,
    )  # fmt: skip
    return Asked(step.id, attempt, digest, gate.ask, gate.need, gate.quorum, gate.factor, expires_at, things)


def after_failure(state: State, failed: StepState) -> Restarted | Stopped:
    """What follows when a step has failed: another attempt from where the pipeline says, or a person has to look."""
    step = state.pipeline.step(failed.id)
    code, _, why = failed.failure.partition(": ")
    target = step.on_fail.removeprefix(_RESTART) if step.on_fail.startswith(_RESTART) else ""
    often = max((state.steps[name].attempt for name in (target, step.id) if name), default=1) >= MOST_ATTEMPTS
    never = code.startswith(TAMPERED) or bool(target and no_way_back(state, again_from(state, target)))
    if not target or often or never:
        expected = f"the step {step.id!r} to come to its end"
        return Stopped(code, f"{why} (attempt {failed.attempt})" if often else why, expected, step.id)
    return Restarted(target, f"{step.id} has failed: {why}")


def _must_be_asked(state: State, step: Step, found: StepState, now: datetime) -> bool:
    asked = found.asked
    return asked is None or now > asked.expires_at or asked.things != things_asked(state, step)


def _grant(state: State, step: Step, found: StepState, key: str) -> KeyGranted:
    gates = [found] if step.gate else [state.steps[name] for name in graph.before(state.pipeline, step.id)]
    things = to_sign(flat(inputs_of(state, step)))
    seen = {(thing.name, thing.digest) for thing in things}
    approvals = [
        place
        for one in gates
        if one.asked and seen <= {(thing.name, thing.digest) for thing in one.asked.things}
        for place, _, _ in one.approvals
    ]
    return KeyGranted(step.id, found.attempt, key, things, tuple(sorted(approvals)))


def _aborting(state: State, now: datetime) -> Iterator[Move]:
    """Ask what strangers may have seen; then take back, newest first; then what always runs; then the end."""
    if unsettled(state):
        yield from _settle(state, now)
        return
    undo = to_undo(state)
    if undo:
        yield Undo(undo[0].id, undo[0].attempt)
        return
    left = 0
    for name in graph.order(state.pipeline):
        step, found = state.pipeline.step(name), state.steps[name]
        if not step.always or not graph.applies(step, state.params):
            continue
        if found.status == "running":
            left += 1
            if _lease_is_over(found, now):
                yield TakeUp(name, found.attempt)
        elif found.status in ("waiting", "asked"):
            left += 1
            if all(inputs_of(state, step).values()):
                yield Start(name, found.attempt)
            else:
                yield Say(StepSkipped(name, "the run was abandoned before there was anything to do"))
    if not left:
        yield Say(Finished("abandoned"))
