"""What an actor's machine says in a run: signed with its key, of this run, of its own steps; then judged by the rules.

The token that it shows opens the door and proves nothing else. Whoever has another machine's token cannot speak for it,
and whoever has its key cannot speak without its token: both must be of one machine that is still welcome.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from customhouse.release import events as happened
from customhouse.release.codec import canonical, from_body, to_body
from customhouse.release.events import Event
from customhouse.release.journal import Head
from customhouse.release.room.gates import stop_if_approvers_left
from customhouse.release.room.journal import bytes_of_journal, journal_moved
from customhouse.release.room.people import may_act
from customhouse.release.room.runs import Machine, machine_by_id
from customhouse.release.room.sitting import Sitting
from customhouse.release.sealed import Said, Sealed
from customhouse.release.sealing import said_holds
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import ANONYMOUS, Identity

MOST_CLAIMS = 200
MOST_LINES = 5000
"""Of a journal, by machines; people and the server still end the run."""
MOST_BYTES = 32 * 2**20
"""Of a journal, looked at only when somebody says a lot at once."""
MUCH_BYTES = 8 * 2**10
LONGEST_TEXT = 8000
_FOR_PROGRAMS = (happened.Anchored, happened.Joined)
"""What a log has answered, and what an ID token said: longer, and not read by people."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,79}", re.ASCII)
LONGEST_LEASE = timedelta(minutes=30)
"""A machine that goes away without a word holds its step no longer than that."""
OF_MACHINES: tuple[type[Event], ...] = (
    happened.StepStarted, happened.Checked, happened.StepDone, happened.StepFailed, happened.Rebuilt,
    happened.SignedThing, happened.TagSeen, happened.TagMoved, happened.Published, happened.Undone,
    happened.Attested, happened.Anchored, happened.Noted, happened.Stopped,
)  # fmt: skip
"""What machines may say. People decide at another door, and the rest is for the server alone."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that an actor says."""

    by: str
    event: Event
    said: Said


@dataclass(frozen=True, slots=True)
class Say:
    """What one machine says at once: all of it is written, or nothing."""

    machine_id: int
    claims: tuple[Claim, ...]
    expected: Head | None
    """The head after which it was thought; None: whatever it is."""


def read_claim(document: object, where: str) -> Claim:
    """A claim from JSON: ``by``, ``kind``, ``body`` and ``said`` with ``key`` and ``signature``; raises `Rejected`."""
    found = _object(document, where, ("by", "kind", "body", "said"))
    said = _object(found["said"], f"{where}.said", ("key", "signature"))
    event = from_body(_text(found["kind"], f"{where}.kind"), found["body"], where=where)
    key, signature = _text(said["key"], f"{where}.said.key"), _text(said["signature"], f"{where}.said.signature")
    claim = Claim(_text(found["by"], f"{where}.by"), event, Said(key, signature))
    check_texts(claim, where)
    return claim


def check_texts(claim: Claim, where: str) -> None:
    """What people read must be short enough to be read, and a code must be a word; raises `Rejected`."""
    event = claim.event
    for one in fields(event):
        value = getattr(event, one.name)
        if isinstance(value, str) and len(value) > LONGEST_TEXT and not isinstance(event, _FOR_PROGRAMS):
            raise Rejected(
                "text-too-long", f"{where}.body.{one.name}", f"{len(value):,} characters", f"at most {LONGEST_TEXT:,}"
            )
    if isinstance(event, (happened.Stopped, happened.StepFailed)) and not _CODE.fullmatch(event.code):
        raise Rejected("bad-claim", f"{where}.body.code", f"{event.code[:60]!r} is no code", "a word such as odd-file")


def _refuse_flood(command: Say, sitting: Sitting) -> None:
    """A machine that is out of its mind fills neither the disk nor the page."""
    size = sum(len(canonical(to_body(one.event))) for one in command.claims)
    full = sitting.run.head.seq + 1 + len(command.claims) > MOST_LINES
    if not full and size > MUCH_BYTES:
        full = bytes_of_journal(sitting.tx.sql, sitting.run.id) + size > MOST_BYTES
    if full:
        raise Refused(
            "journal-full", f"A journal takes {MOST_LINES:,} lines and {MOST_BYTES:,} bytes of machines.",
            "Somebody has to look at the run, and give it up or begin another one.", status=409,
        )  # fmt: skip


def say(command: Say, sitting: Sitting) -> tuple[tuple[Sealed, ...], bool]:
    """Write what a machine says, and what follows from it; returns the new lines, and whether it was taken.

    It is not if somebody whose yes counts has left the project meanwhile: the run stops instead.
    """
    if command.expected is not None and command.expected != sitting.run.head:
        raise journal_moved(sitting.run.head)
    machine = machine_by_id(sitting.tx.sql, sitting.run.id, command.machine_id)
    owner = machine.account_id
    if owner is not None and not may_act(sitting.tx.sql, sitting.state, sitting.run.project_id, owner):
        raise Refused("left-the-project", "Whose machine this is has no role in the project any more.")
    _refuse_flood(command, sitting)
    if stop_if_approvers_left(sitting.writer):
        return sitting.rise(), False
    sitting.writer.who = _in_ledger(machine)
    for claim in command.claims:
        _refuse_unless_his(claim, machine, sitting)
        sitting.writer.say(claim.event, by=claim.by, said=claim.said)
    return sitting.rise(), True


def _refuse_unless_his(claim: Claim, machine: Machine, sitting: Sitting) -> None:
    """Its own key, its own actor, this run, and something that machines may say."""
    if claim.by != machine.actor:
        raise Refused(
            "not-your-actor", f"This machine has joined as {machine.actor!r}, and speaks for {claim.by[:60]!r}.",
            "Say what you have done yourself.",
        )  # fmt: skip
    if claim.said.key != machine.key:
        raise Refused("not-your-key", "This is signed with a key that is not the machine's own.", "Sign with its key.")
    if not isinstance(claim.event, OF_MACHINES):
        raise Refused(
            "not-for-machines", f"No machine may say {claim.event.kind!r}.", "People decide; the server asks."
        )
    if not said_holds(claim.event, run=sitting.run.id, by=claim.by, said=claim.said):
        raise Refused(
            "bad-signature",
            "The signature is not of this event in this run.",
            "Sign run, by, kind and body as they are.",
        )
    if isinstance(claim.event, happened.StepStarted):
        _refuse_long_lease(claim.event, sitting)


def _refuse_long_lease(event: happened.StepStarted, sitting: Sitting) -> None:
    if event.lease_until > sitting.tx.now() + LONGEST_LEASE:
        raise Refused(
            "lease-too-long", f"A lease until {event.lease_until:%H:%M:%S} is asked for.",
            f"At most {int(LONGEST_LEASE.total_seconds() // 60)} minutes; renew it.",
        )  # fmt: skip


def _in_ledger(machine: Machine) -> Identity:
    if machine.account_id is not None:
        return Identity("user", str(machine.account_id), machine.identity.removeprefix("user:"))
    return ANONYMOUS


def _object(value: object, where: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise Rejected("bad-claim", where, "is not what a claim is made of", f"an object of {', '.join(names)}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise Rejected("bad-claim", where, "is no text", "a text")
    return value
