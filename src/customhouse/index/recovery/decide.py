"""Operators agree, refuse, or let a contested case go on. Two different ones must agree (attacks A34, A55)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from customhouse.accounts.factors import lock_account
from customhouse.accounts.users import refuse_unless_operator
from customhouse.index.quarantine import check_reason
from customhouse.index.recovery.close import close, locked
from customhouse.index.recovery.events import RecoveryAgreed, RecoveryApproved, RecoveryRefusal, RecoveryResumed
from customhouse.index.recovery.model import NEEDED_OPERATORS, Case, Delays, may_decide, missing_of
from customhouse.index.recovery.people import voice_of
from customhouse.index.recovery.queries import find_case, open_cases_of, voices_of
from customhouse.index.recovery.standing import standing_proofs
from customhouse.index.recovery.tables import recovery_approval, recovery_case, recovery_objection
from customhouse.index.recovery.tell import about, told
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import SYSTEM, Actor

COMPLETE_JOB = "complete-recovery"


@dataclass(frozen=True, slots=True)
class Decide:
    """What an operator says about a case, and why."""

    case_id: int
    reason: str
    by: Actor
    delays: Delays


def approve(command: Decide, tx: Tx) -> bool:
    """Agree; True if that was the second one, and the delay runs from now.

    The evidence is judged anew each time. Two at once come one after the other, and neither counts twice. Other open
    cases about the same account end with the second yes, so that two never run beside each other.
    """
    refuse_unless_operator(command.by)
    reason = check_reason(command.reason, "reason")
    # The account first: two cases about it may be agreed on at the same moment, and each ends the other.
    found = find_case(tx.sql, command.case_id)
    if found is not None and found.account_id is not None:
        lock_account(tx.sql, found.account_id)
    case = locked(tx, command.case_id)
    _refuse_without_voice(command.by, case, tx)
    if case.contested_at is not None:
        raise Refused(
            "case-contested", "Somebody objects to this case.", "Refuse it, or let it go on first.", status=409
        )
    if case.approved_at is not None:
        raise Refused("case-approved", "Two operators have agreed already.", status=409)
    proofs = standing_proofs(tx.sql, case)
    if case.account_id is None or missing_of(case, proofs):
        raise Refused("not-enough", "The evidence of this case is not enough yet.", "Wait for more of it.", status=409)
    account_id = command.by.account_id
    new = insert_new(tx.sql, recovery_approval, case_id=case.id, account_id=account_id, at=tx.now(), note=reason)
    if new is None:
        raise Refused("agreed-already", "You have agreed already; another operator must.", status=409)
    facts, by = about(tx.sql, case), command.by.as_operator
    if len(voices_of(tx.sql, case.id)) < NEEDED_OPERATORS:
        tx.record(RecoveryAgreed(by, None, *facts, note=reason))
        return False
    for other in open_cases_of(tx.sql, case.account_id):
        if other.id != case.id:
            close(tx, locked(tx, other.id), "superseded", f"Case {case.id} was agreed on.", by=SYSTEM)
    now = tx.now()
    due_at = now + command.delays.after(proofs)
    values = {"approved_at": now, "due_at": due_at, "reopens_at": due_at + command.delays.quiet}
    tx.sql.execute(recovery_case.update().where(recovery_case.c.id == case.id).values(**values))
    tx.record(RecoveryApproved(by, None, *facts, note=reason, due_at=due_at.isoformat(), co_owners=told(tx.sql, case)))
    _complete_later(case, due_at, tx)
    return True


def refuse(command: Decide, tx: Tx) -> None:
    """End a case: one operator is enough to keep things as they are."""
    refuse_unless_operator(command.by)
    reason = check_reason(command.reason, "reason")
    case = locked(tx, command.case_id)
    _refuse_without_voice(command.by, case, tx)
    close(tx, case, "refused", reason, by=command.by.as_operator)


def resume(command: Decide, tx: Tx) -> None:
    """Let a contested case go on, with an answer to those who object. A delay that was running begins anew, in full.

    Whoever lets such a case go on agrees to it: one of the two may be an operator no longer.
    """
    refuse_unless_operator(command.by)
    reason = check_reason(command.reason, "reason")
    case = locked(tx, command.case_id)
    _refuse_without_voice(command.by, case, tx)
    if case.contested_at is None:
        raise Refused("not-contested", "Nobody objects to this case.", status=409)
    tx.sql.execute(
        recovery_objection.update()
        .where(recovery_objection.c.case_id == case.id, recovery_objection.c.answered_at.is_(None))
        .values(answer=reason, answered_by=command.by.identity.name, answered_at=tx.now())
    )
    if case.approved_at is not None:
        insert_new(
            tx.sql, recovery_approval, case_id=case.id, account_id=command.by.account_id, at=tx.now(), note=reason
        )  # fmt: skip
    due_at = tx.now() + command.delays.usual if case.approved_at is not None else None
    reopens_at = due_at + command.delays.quiet if due_at is not None else None
    values = {"contested_at": None, "due_at": due_at, "reopens_at": reopens_at}
    tx.sql.execute(recovery_case.update().where(recovery_case.c.id == case.id).values(**values))
    due = due_at.isoformat() if due_at is not None else ""
    facts = about(tx.sql, case)
    tx.record(
        RecoveryResumed(
            command.by.as_operator, None, *facts, reason=reason, due_at=due, co_owners=told(tx.sql, case)
        )
    )  # fmt: skip
    if due_at is not None:
        _complete_later(case, due_at, tx)


def _refuse_without_voice(by: Actor, case: Case, tx: Tx) -> None:
    why = may_decide(voice_of(tx.sql, by, case), case)
    if why:
        trace = RecoveryRefusal(by.as_operator, None, case_id=case.id, why="no-voice")
        raise Refused("no-voice", why, "Another operator must decide.", records=(trace,))


def _complete_later(case: Case, due_at: datetime, tx: Tx) -> None:
    # One job for each time that it may become due: the job looks whether its time is still the case's.
    tx.later(COMPLETE_JOB, {"case_id": case.id}, due_at=due_at, key=f"{COMPLETE_JOB}:{case.id}:{due_at.isoformat()}")
