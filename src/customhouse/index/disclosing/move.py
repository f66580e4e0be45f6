"""Moving a case from state to state, and what depends on the time: extending, exploitation, the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customhouse.advisories.disclosure.clocks import EXTENSION, may_extend
from customhouse.advisories.disclosure.draft import long_text
from customhouse.advisories.disclosure.events import DisclosureMoved, DisclosureStep
from customhouse.advisories.disclosure.model import OVER, REFUSALS, VERDICTS, Case, State, may_move
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.index.disclosing.access import Access, Knock, enter, look_again, refuse_unless_handles
from customhouse.index.disclosing.cve_jobs import release_if_reserved
from customhouse.index.disclosing.discuss import note
from customhouse.index.disclosing.people import appoint_least_busy
from customhouse.index.disclosing.stage import end_stage
from customhouse.index.disclosing.tell import tell
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Identity

BY_THEIR_OWN_DEEDS: frozenset[str] = frozenset({"cve-reserved", "notified", "scheduled", "published"})
"""States that say that something else was done; they are not merely claimed."""


@dataclass(frozen=True, slots=True)
class Move:
    """A wish that a case is in another state. The reason is read by all of the case."""

    knock: Knock
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Extend:
    """A wish for more time."""

    knock: Knock
    reason: str


@dataclass(frozen=True, slots=True)
class Exploited:
    """Somebody knows that it is exploited."""

    knock: Knock
    reason: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """A wish for a day of disclosure."""

    knock: Knock
    at: datetime


def move(command: Move, tx: Tx) -> Case:
    """Move a case along; the reporter hears of it, with the reason."""
    found = enter(tx, command.knock)
    wanted = command.state
    if wanted in BY_THEIR_OWN_DEEDS and found.case.state != "disputed":
        raise Refused(
            "by-its-own-deed", f"A case becomes {wanted} by what is done for it.", "See its page.", status=409
        )
    refusal = may_move(found.case, wanted, handles=found.handles)
    if refusal is None and not found.knows:
        refusal = Refused("agree-first", "Agree to keep silent first.", "Do so on the page of the case.")
    if refusal is not None:
        raise refusal
    reason = long_text(command.reason, "reason", 5_000)
    if not reason and wanted in OVER - {"published", "closed"}:
        raise Rejected("no-reason", "reason", "is empty", "why; the reporter reads it")
    became: State = wanted  # type: ignore[assignment] # may_move knows it
    return step(tx, found, became, reason)


def step(tx: Tx, found: Access, wanted: State, reason: str = "") -> Case:
    """Write the state and what follows from it."""
    case = found.case
    _write(tx, case, wanted, found.identity)
    said = f"{found.name} made this case “{wanted}”" + (f": {reason}" if reason else ".")
    note(tx, case, said)
    if wanted == "acknowledged":
        appoint_least_busy(tx, case)
    if wanted in REFUSALS or wanted in ("rejected", "withdrawn"):
        release_if_reserved(tx, case)
        end_stage(tx, case, found.identity)
    tell(tx, case, "moved", to=("handlers", "reporter"), but=found.member, text=said)
    return look_again(tx, found)


def _write(tx: Tx, case: Case, wanted: State, by: Identity) -> None:
    now = tx.now()
    values: dict[str, Any] = {"state": wanted, "before": case.state if wanted == "disputed" else ""}
    if case.acknowledged_at is None and wanted != "disputed":
        values["acknowledged_at"] = now
    if wanted in VERDICTS and case.decided_at is None:
        values["decided_at"] = now
    if wanted == "triage":
        values["decided_at"] = None
    if wanted in OVER:
        values["closed_at"] = now
    elif case.closed_at is not None:
        values["closed_at"] = None
    if wanted == "fixing":
        values["confirmed_at"] = None
    tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == case.id).values(**values))
    tx.record(DisclosureMoved(by, None, case=case.public_id, before=case.state, state=wanted))


def extend(command: Extend, tx: Tx) -> Case:
    """Fourteen days more, once."""
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    reason = long_text(command.reason, "reason", 5_000)
    refusal = may_extend(found.case, reason)
    if refusal is not None:
        raise refusal
    until = found.case.disclose_by + EXTENSION
    tx.sql.execute(
        disclosure_case.update()
        .where(disclosure_case.c.id == found.case.id)
        .values(disclose_by=until, extended_at=tx.now())
    )
    said = f"{found.name} extended the time for disclosure until {until:%-d %B %Y}: {reason}"
    note(tx, found.case, said)
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="extended"))
    tell(tx, found.case, "extended", to=("handlers", "reporter"), but=found.member, text=said)
    return look_again(tx, found)


def exploited(command: Exploited, tx: Tx) -> Case:
    """Note that it is exploited: from now on silence protects only those who do it."""
    found = enter(tx, command.knock)
    if not found.knows:
        raise Refused("agree-first", "Agree to keep silent first.", "Do so on the page of the case.")
    reason = long_text(command.reason, "reason", 5_000)
    if not reason:
        raise Rejected("no-reason", "reason", "is empty", "how it is known")
    if found.case.exploited_at is None and found.case.open:
        tx.sql.execute(
            disclosure_case.update().where(disclosure_case.c.id == found.case.id).values(exploited_at=tx.now())
        )
        said = f"{found.name} says that it is exploited: {reason}"
        note(tx, found.case, said)
        tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="exploited"))
        tell(tx, found.case, "exploited", to=("handlers", "reporter", "downstreams"), but=found.member, text=said)
    return look_again(tx, found)


def schedule(command: Schedule, tx: Tx) -> Case:
    """Agree on a day. Nothing happens on it by itself: a person presses the button, and is reminded."""
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    if command.at <= tx.now():
        raise Rejected("bad-day", "at", "has passed already", "a moment to come, in UTC")
    if command.at > found.case.disclose_by:
        last = f"{found.case.disclose_by:%-d %B %Y, %H:%M} UTC"
        raise Rejected("bad-day", "at", f"the embargo ends before, {last}", "an earlier day, or an extension first")
    refusal = may_move(found.case, "scheduled", handles=True)
    if refusal is not None:
        raise refusal
    tx.sql.execute(
        disclosure_case.update().where(disclosure_case.c.id == found.case.id).values(scheduled_for=command.at)
    )
    return step(tx, found, "scheduled", f"on {command.at:%-d %B %Y at %H:%M} UTC")
