"""What was asked for in the account's name before it was given back does not happen any more."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.index.slow import queries
from customhouse.index.slow.lapse import let_lapse
from customhouse.index.slow.tables import pending_change
from customhouse.ledger.tx import Tx

WHY = "The account that asked for it was recovered in the meantime."


def lapse_wishes(tx: Tx, account_id: int, kind: str | None = None, *, why: str = WHY) -> None:
    """Let every change, or those of one kind, lapse that the account has asked for and that still waits.

    A thief may have asked.
    """
    waiting = sa.select(pending_change.c.id).where(
        pending_change.c.requested_by == account_id, pending_change.c.ended_at.is_(None)
    )
    if kind is not None:
        waiting = waiting.where(pending_change.c.kind == kind)
    for change_id in tx.sql.execute(waiting.order_by(pending_change.c.id)).scalars().all():
        let_lapse(tx, queries.find_change(tx.sql, change_id, lock=True), why)
