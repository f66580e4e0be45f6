"""Letting a change that waits lapse: it does not happen any more, and the ledger says why."""

from __future__ import annotations

from customhouse.index.slow.events import ChangeLapsed
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.tables import pending_change
from customhouse.index.slow.tell import facts_of, project_of
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import SYSTEM


def let_lapse(tx: Tx, change: PendingChange, why: str, *, contested_too: bool = True) -> bool:
    """End an open change; False if somebody else has ended it. One that an operator will decide may be spared."""
    still = pending_change.c.ended_at.is_(None) if contested_too else pending_change.c.state == "waiting"
    lapsed = tx.sql.execute(
        pending_change.update()
        .where(pending_change.c.id == change.id, still)
        .values(state="lapsed", ended_at=tx.now(), ended_why=why)
    ).rowcount
    if lapsed:
        tx.record(ChangeLapsed(SYSTEM, project_of(tx.sql, change), **facts_of(tx.sql, change), why=why))
    return bool(lapsed)
