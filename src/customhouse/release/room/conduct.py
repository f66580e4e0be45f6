"""What the server does by itself when something was said, or when time has passed (`moves.next_moves`).

It opens the run, asks, releases keys, leaves steps out, begins again where the pipeline says so, and finishes. A step
that only asks (``uses = "gate"``) is done by it, too. Everything else is done by actors' machines.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from customhouse.formats.pipeline.model import Step
from customhouse.release.events import (
    Aborting,
    Asked,
    Checked,
    Event,
    Finished,
    Noted,
    Resumed,
    StepDone,
    StepFailed,
    StepStarted,
    Stopped,
)
from customhouse.release.moves import Say, Start, TakeUp, next_moves, wakes_at, words_at_the_end
from customhouse.release.question import idempotency_key
from customhouse.release.room.writer import Writer
from customhouse.release.rules import MACHINE_GONE
from customhouse.release.standing import GATE, flat, gate_passed, inputs_of, unsettled
from customhouse.release.state import State, StepState
from customhouse.terms.errors import Broken

MOST_MOVES = 2000
"""More at once would be a circle."""
SERVER = "server"
NOBODY_ANSWERED = "nobody-answered"
GRACE = timedelta(minutes=10)
"""So long after its lease, a machine that has not come back stops the run: people hear of it."""
_WAITS_FOR_MACHINES = ("open", "aborting")
_OWN_CHECKS = frozenset({"handover", "approvals-hold"})
"""What the server can look at, because the journal says it. A gate with other checks is done by its actor's machine."""


def conduct(writer: Writer) -> None:
    """Do all that is to be done now, and write it."""
    for _ in range(MOST_MOVES):
        if not _one_move(writer):
            break
    else:
        raise Broken(f"The release run {writer.run.id} goes round in circles.")
    writer.finish(_wakes_at(writer.now_state, writer.tx.now()))


def _one_move(writer: Writer) -> bool:
    state, now = writer.now_state, _now(writer)
    if (note := _must_be_looked_at(writer)) is not None:
        writer.say(note)
        return True
    for move in next_moves(state, now):
        match move:
            case Say(event) if isinstance(event, Asked) and _unanswered(writer, event.step):
                until = state.steps[event.step].asked
                ended = f"{until.expires_at:%Y-%m-%d %H:%M} UTC" if until is not None else "its time"
                writer.say(
                    Stopped(
                        NOBODY_ANSWERED, f"the question before {event.step!r} ended at {ended}, and nobody said yes",
                        f"an answer of {', '.join(event.need)}; it is asked again when the run goes on", event.step,
                    )
                )  # fmt: skip
                return True
            case Say(Finished() as end):
                for event in words_at_the_end(state, end):
                    writer.say(event)
                return True
            case Say():
                writer.say(move.event)
                return True
            case Start() if _is_ours(state.pipeline.step(move.step)):
                _pass_gate(writer, state.pipeline.step(move.step), move.attempt)
                return True
            case TakeUp() if _is_gone(state, move.step, now):
                writer.say(_gone(state, move.step))
                return True
            case _:
                continue
    return False


def _gone(state: State, name: str) -> Event:
    """The run stands still, and the step does not fail: nobody knows whether it was done.

    A machine of its actor that comes takes it up, asks first whether it was done, and lets the run go on. A run that is
    abandoned waits for none: what it would have done is left out.
    """
    step, found = state.pipeline.step(name), state.steps[name]
    saw = f"{found.machine} has said nothing since its lease ended at {found.lease_until:%H:%M:%S} UTC"
    if state.status == "aborting":
        return StepFailed(name, found.attempt, MACHINE_GONE, saw)
    expected = f"a machine of {step.actor}, this or another: it asks first whether it was done, and goes on by itself"
    return Stopped(MACHINE_GONE, saw, expected, name)


def _must_be_looked_at(writer: Writer) -> Noted | None:
    """What people are told who abandon a run of which something may be public; once."""
    state, new = writer.now_state, [line.event for line in writer.lines]
    left = unsettled(state)
    if state.status != "aborting" or not left or not any(isinstance(one, Aborting) for one in new):
        return None
    name, actor = left[0].id, state.pipeline.step(left[0].id).actor
    text = (
        f"Perhaps {name!r} was done, and strangers have it: first a machine of {actor} looks. Start one if none runs."
    )
    note = Noted(text, name)
    return None if note in new else note


def _unanswered(writer: Writer, step: str) -> bool:
    """Whether this question was asked and nobody has said yes. A person who lets the run go on has it asked again.

    Without that a gate whose question ends soon would write lines and letters for ever.
    """
    found = writer.now_state.steps[step]
    resumed = any(isinstance(line.event, Resumed) for line in writer.lines)
    over = found.asked is not None and _now(writer) > found.asked.expires_at
    return over and not found.approvals and not resumed


def _now(writer: Writer) -> datetime:
    """As it will stand on the next line."""
    now = writer.tx.now()
    return max(now, writer.at) if writer.at is not None else now


def _is_ours(step: Step) -> bool:
    return step.uses == GATE and set(step.checks) <= _OWN_CHECKS


def _pass_gate(writer: Writer, step: Step, attempt: int) -> None:
    """People have said yes, and nothing else is to be done: the step is over as soon as it has begun."""
    state, now = writer.now_state, _now(writer)
    inputs = inputs_of(state, step)
    key = idempotency_key(state.run, step.id, attempt)
    writer.say(StepStarted(step.id, attempt, SERVER, now + timedelta(minutes=1), key, inputs))
    for check in sorted({*step.checks, *(("handover",) if flat(inputs) else ())}):
        writer.say(_looked_at(writer.now_state, step, attempt, check, now))
    if writer.now_state.status == "open":
        writer.say(StepDone(step.id, attempt, {}, {}))


def _looked_at(state: State, step: Step, attempt: int, check: str, now: datetime) -> Checked:
    if check == "approvals-hold":
        found = state.steps[step.id]
        people = ", ".join(one.person for _seq, _at, one in found.approvals) or "nobody"
        holds = gate_passed(state, step.id, now)
        wanted = f"{step.gate.quorum} people" if step.gate is not None else "nobody to be asked"
        return Checked(step.id, attempt, check, holds, wanted, people)
    # The rules have let it start with exactly what was made.
    count = len(flat(inputs_of(state, step)))
    return Checked(step.id, attempt, check, ok=True, expected=f"{count} things as they were made", saw="the same")


def _is_gone(state: State, name: str, now: datetime) -> bool:
    ends = _gone_at(state, state.steps[name])
    return ends is not None and state.status in _WAITS_FOR_MACHINES and now >= ends


def _gone_at(state: State, found: StepState) -> datetime | None:
    """When our patience with its machine ends; anew when a person has let the run go on."""
    if found.status != "running" or found.lease_until is None:
        return None
    return max(found.lease_until, state.resumed_at or found.lease_until) + GRACE


def _wakes_at(state: State, now: datetime) -> datetime | None:
    """When time alone brings something about: what the moves know of, and the end of our patience with a machine."""
    there = map(partial(_gone_at, state), state.steps.values()) if state.status in _WAITS_FOR_MACHINES else ()
    ends = [one for one in there if one is not None and one > now]
    first = wakes_at(state, now)
    # A moment later: a question is good up to its very end.
    return min((*ends, *((first + timedelta(seconds=1),) if first else ())), default=None)
