"""What people decide in a run: that they are around, yes or no at a gate, and what becomes of a run that stands still.

Whoever decides is looked up at this moment: his role in the project, which actor he is, and which person. A yes is for
one question, whose digest binds every file; at a gate that asks for a key, the key has signed it (`proof.py`). One
person says yes once, by whichever of his accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from customhouse.release.events import (
    Aborting,
    Approved,
    Asked,
    Confirmed,
    DeclinedGate,
    Restarted,
    Resumed,
)
from customhouse.release.question import credential_of, rank
from customhouse.release.room.members import Member, still_member
from customhouse.release.room.people import person_of
from customhouse.release.room.sitting import Sitting
from customhouse.release.sealed import Sealed
from customhouse.release.standing import factor_demanded
from customhouse.terms.errors import Refused, Rejected

What = Literal["confirm", "approve", "decline", "resume", "restart", "abort"]
WHATS: tuple[What, ...] = ("confirm", "approve", "decline", "resume", "restart", "abort")
LONGEST_WHY = 1000


@dataclass(frozen=True, slots=True)
class Decide:
    """Somebody's decision. The door has verified and used up whatever proves it."""

    what: What
    member: Member
    factor: str
    """What he has shown just now for this: ``none``, ``totp`` or ``webauthn``."""
    proof: str = ""
    step: str = ""
    attempt: int = 0
    question: str = ""
    why: str = ""


def decide(command: Decide, sitting: Sitting) -> tuple[Sealed, ...]:
    """Write a decision, and what follows from it; returns the new lines."""
    member = still_member(sitting.tx.sql, sitting.run, sitting.state, command.member)
    sitting.writer.who = member.identity
    _DEEDS[command.what](replace(command, member=member), sitting)
    return sitting.rise()


def asked_of(sitting_state: Mapping[str, object], step: str) -> Asked:
    """The question that is open before a step; raises `Refused`."""
    found = sitting_state.get(step)
    asked = getattr(found, "asked", None)
    if not isinstance(asked, Asked):
        raise Refused("nothing-asked", f"Nothing is asked before the step {step[:60]!r}.", status=409)
    return asked


def actor_at(member: Member, asked: Asked) -> str:
    """As which of the people asked he answers; raises `Refused` for somebody who is not asked."""
    for one in member.actors:
        if one.id in asked.need:
            return one.id
    raise Refused("not-asked", f"You are not asked here: {', '.join(asked.need)}.")


def _confirm(command: Decide, sitting: Sitting) -> None:
    """Every expert that he is, is around."""
    state, member = sitting.state, command.member
    mine = [one.id for one in member.actors if one.expert and one.id not in state.confirmed]
    if not mine:
        raise Refused("not-awaited", "Nobody waits for you to say that you are around.", status=409)
    person = person_of(sitting.tx.sql, sitting.pipeline, member.account_id)
    for actor in mine:
        sitting.writer.say(Confirmed(actor, person), by=actor)


def _approve(command: Decide, sitting: Sitting) -> None:
    asked, actor, person = _answers(command, sitting)
    found = sitting.state.steps[asked.step]
    key = credential_of(command.proof)
    for _seq, _at, other in found.approvals:
        if other.person == person or (key and credential_of(other.proof) == key):
            raise Refused(
                "approved-already", f"{other.person} has approved this already, as {other.actor}.",
                "Somebody else must: two accounts of one person count once.", status=409,
            )  # fmt: skip
    wanted = max(factor_demanded(sitting.state, sitting.pipeline.step(asked.step), actor), asked.factor, key=rank)
    if rank(command.factor) < rank(wanted):
        raise Refused(
            "needs-factor", f"This gate asks for {wanted}, and you have shown {command.factor}.",
            "Approve it in the browser, with your security key or passkey." if wanted == "webauthn" else
            "Approve it in the browser, with a code of your app.",
        )  # fmt: skip
    event = Approved(
        asked.step, asked.attempt, asked.question, actor, person, command.factor, command.proof
    )  # fmt: skip
    sitting.writer.say(event, by=actor)


def _decline(command: Decide, sitting: Sitting) -> None:
    asked, actor, person = _answers(command, sitting)
    event = DeclinedGate(asked.step, asked.attempt, asked.question, actor, person, _why(command))
    sitting.writer.say(event, by=actor)


def _resume(command: Decide, sitting: Sitting) -> None:
    actor, person = _in_charge(command, sitting)
    sitting.writer.say(Resumed(person, _why(command)), by=actor)


def _restart(command: Decide, sitting: Sitting) -> None:
    if command.step not in sitting.state.steps:
        raise Rejected("unknown-step", "step", f"{command.step[:60]!r}", ", ".join(sitting.state.steps))
    actor, person = _in_charge(command, sitting)
    sitting.writer.say(Restarted(command.step, _why(command), person), by=actor)


def _abort(command: Decide, sitting: Sitting) -> None:
    actor, person = _in_charge(command, sitting)
    sitting.writer.say(Aborting(person, _why(command)), by=actor)


_DEEDS: Mapping[What, Callable[[Decide, Sitting], None]] = {
    "confirm": _confirm, "approve": _approve, "decline": _decline, "resume": _resume, "restart": _restart,
    "abort": _abort,
}  # fmt: skip


def _answers(command: Decide, sitting: Sitting) -> tuple[Asked, str, str]:
    """The question, and who answers it: exactly the one that he has seen."""
    asked = asked_of(sitting.state.steps, command.step)
    if (asked.question, asked.attempt) != (command.question, command.attempt):
        raise Refused(
            "other-question", "What is asked has changed since you looked at it.", "Look at it as it is now.",
            status=409,
        )  # fmt: skip
    actor = actor_at(command.member, asked)
    return asked, actor, person_of(sitting.tx.sql, sitting.pipeline, command.member.account_id)


def _in_charge(command: Decide, sitting: Sitting) -> tuple[str, str]:
    """As which actor and person he decides about the run. Whoever shows a factor at gates does not do that by token."""
    member = command.member
    if not member.actors:
        raise Refused("not-in-charge", "Only people whom the pipeline names as actors decide that.")
    wanted = max((one.factor for one in member.actors), key=rank)
    if member.by_token and wanted != "none":
        raise Refused("needs-factor", f"You decide with {wanted}, and a token shows none.", "Do it in the browser.")
    return member.actors[0].id, person_of(sitting.tx.sql, sitting.pipeline, member.account_id)


def _why(command: Decide) -> str:
    if not command.why.strip():
        raise Rejected("missing-field", "why", "is empty", "a sentence: others read it")
    if len(command.why) > LONGEST_WHY:
        raise Rejected("field-too-long", "why", f"{len(command.why)} characters", f"at most {LONGEST_WHY}")
    return command.why.strip()
