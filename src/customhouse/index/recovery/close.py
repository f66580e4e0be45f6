"""A case ends without anything having changed for the account."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from customhouse.index.recovery.events import RecoveryClosed
from customhouse.index.recovery.model import Case, Outcome
from customhouse.index.recovery.queries import find_case
from customhouse.index.recovery.tables import recovery_case, recovery_proof
from customhouse.index.recovery.tell import about, told
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import SYSTEM, Identity


def locked(tx: Tx, case_id: int) -> Case:
    """The open case of that number, kept from rivals until commit; raises `Refused` (404, 409)."""
    case = find_case(tx.sql, case_id, lock=True)
    if case is None:
        raise Refused("unknown-case", f"There is no recovery case {case_id}.", status=404)
    if not case.open:
        raise Refused("case-closed", f"Recovery case {case.id} has ended ({case.outcome}).", status=409)
    return case


def close(tx: Tx, case: Case, outcome: Outcome, reason: str, *, by: Identity) -> None:
    """End an open case; whoever heard of it hears of that. The first to end it wins."""
    ended = tx.sql.execute(
        recovery_case.update()
        .where(recovery_case.c.id == case.id, recovery_case.c.closed_at.is_(None))
        .values(closed_at=tx.now(), outcome=outcome, closed_by=by.name, note=reason)
    ).rowcount
    if ended and case.account_id is not None:
        facts = about(tx.sql, case)
        tx.record(RecoveryClosed(by, None, *facts, outcome=outcome, reason=reason, co_owners=told(tx.sql, case)))


def end_old_cases(now: datetime, tx: Tx) -> int:
    """End what nobody has agreed on in time, and forget old cases about nobody; running it again finds none.

    A contested case ends so too, if no operator has let it go on: whoever is right can open another.
    """
    old = sa.select(recovery_case.c.id).where(
        recovery_case.c.closed_at.is_(None), recovery_case.c.expires_at <= now,
        sa.or_(recovery_case.c.approved_at.is_(None), recovery_case.c.contested_at.is_not(None)),
    )  # fmt: skip
    ended = 0
    for case_id in tx.sql.execute(old.order_by(recovery_case.c.id)).scalars().all():
        case = find_case(tx.sql, case_id, lock=True)
        if case is not None and case.open and case.expires_at <= now:
            close(tx, case, "expired", "It was not agreed on in time.", by=SYSTEM)
            ended += 1
    nobody = sa.select(recovery_case.c.id).where(
        recovery_case.c.account_id.is_(None), recovery_case.c.expires_at <= now
    )
    tx.sql.execute(recovery_proof.delete().where(recovery_proof.c.case_id.in_(nobody)))
    tx.sql.execute(
        recovery_case.delete().where(recovery_case.c.account_id.is_(None), recovery_case.c.expires_at <= now)
    )
    return ended
