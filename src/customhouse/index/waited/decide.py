"""An operator decides a contested change: it happens at once, or never."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.index.slow import queries
from customhouse.index.slow.events import ChangeDecided
from customhouse.index.slow.model import PendingChange, may_decide
from customhouse.index.slow.tables import pending_change
from customhouse.index.slow.tell import facts_of, lock_touched, project_of
from customhouse.index.subject import refuse_if
from customhouse.index.waited.apply import do_now
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class DecideChange:
    """An operator's decision about a contested change, and why."""

    change_id: int
    allow: bool
    reason: str
    by: Actor = COMMAND_LINE


def decide_change(command: DecideChange, tx: Tx) -> PendingChange:
    """Decide. What is allowed is done by its own deed, with the rights of whoever asked for it as they are now.

    Raises `Refused` if that deed refuses: the change stays contested, and can still be refused.
    """
    if len(command.reason) > MAX_REASON:
        raise Rejected("reason-too-long", "reason", f"{len(command.reason)} characters", f"at most {MAX_REASON}")
    change = queries.find_change(tx.sql, command.change_id)
    lock_touched(tx, change)
    change = queries.find_change(tx.sql, command.change_id, lock=True)
    by = command.by
    refuse_if(may_decide(change, by.account_id, operator=by.operator, reason=command.reason))
    facts, project = facts_of(tx.sql, change), project_of(tx.sql, change)
    if command.allow:
        do_now(tx, change)
    else:
        tx.sql.execute(
            pending_change.update().where(pending_change.c.id == change.id).values(state="refused", ended_at=tx.now())
        )
    values = {"ended_by": by.account_id, "ended_why": command.reason}
    tx.sql.execute(pending_change.update().where(pending_change.c.id == change.id).values(**values))
    tx.record(ChangeDecided(by.as_operator, project, **facts, allowed=command.allow, reason=command.reason))
    return change
