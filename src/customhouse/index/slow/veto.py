"""Vetoing a change that waits: it then waits for an operator, whatever its date."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import find_user_by_id
from customhouse.index.slow import queries
from customhouse.index.slow.model import PendingChange, may_veto
from customhouse.index.slow.owner_since import owner_of
from customhouse.index.slow.tell import contest, lock_touched
from customhouse.index.subject import refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused


@dataclass(frozen=True, slots=True)
class Veto:
    """An owner's wish that a change not happen before an operator has looked at it."""

    change_id: int
    account_id: int


def veto(command: Veto, tx: Tx) -> PendingChange:
    """Veto; returns the change as it is now.

    Whatever else the same account has asked for in this project or organization waits for the operator too: who is
    thought a thief in one thing is not trusted in the next. That gives nobody a veto in his own matter: it only takes
    along what somebody else's veto has made doubtful, and an operator decides each by itself.
    """
    change = queries.find_change(tx.sql, command.change_id)
    lock_touched(tx, change)
    change = queries.find_change(tx.sql, command.change_id, lock=True)
    user = find_user_by_id(tx.sql, command.account_id)
    if user.frozen:
        raise Refused("frozen", f"The account {user.name!r} is frozen.", "Ask an operator.")
    owner = owner_of(tx.sql, change, user.id, tx.delay)
    refuse_if(may_veto(change, user.id, owner, tx.delay))
    contest(tx, change, by=user.id, why="veto", identity=user.identity)
    for other in _of_the_same(tx, change):
        contest(tx, other, by=None, why="same-person", identity=user.identity)
    return queries.find_change(tx.sql, change.id)


def _of_the_same(tx: Tx, change: PendingChange) -> list[PendingChange]:
    if change.requested_by is None:
        return []
    if change.project_id is not None:
        others = queries.open_changes_of_project(tx.sql, change.project_id)
    elif change.organization_id is not None:
        others = queries.open_changes_of_organization(tx.sql, change.organization_id)
    else:
        return []
    return [one for one in others if one.id != change.id and one.requested_by == change.requested_by]
