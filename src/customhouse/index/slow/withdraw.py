"""Taking back a wish that waits."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.index.slow import queries
from customhouse.index.slow.events import ChangeWithdrawn
from customhouse.index.slow.model import PendingChange, may_withdraw
from customhouse.index.slow.tables import pending_change
from customhouse.index.slow.tell import facts_of, lock_touched, project_of
from customhouse.index.subject import refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class WithdrawChange:
    """A wish to take one's own wish back."""

    change_id: int
    by: Actor = COMMAND_LINE


def withdraw_change(command: WithdrawChange, tx: Tx) -> PendingChange:
    """Take it back; returns what it was."""
    change = queries.find_change(tx.sql, command.change_id)
    lock_touched(tx, change)
    change = queries.find_change(tx.sql, command.change_id, lock=True)
    refuse_if(may_withdraw(change, command.by.account_id, operator=command.by.operator))
    tx.sql.execute(
        pending_change.update()
        .where(pending_change.c.id == change.id)
        .values(state="withdrawn", ended_at=tx.now(), ended_by=command.by.account_id)
    )
    tx.record(ChangeWithdrawn(command.by.identity, project_of(tx.sql, change), **facts_of(tx.sql, change)))
    return change
