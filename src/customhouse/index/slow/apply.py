"""Making a change whose time has come: by the deed that put it off, which looks up all rights as they are now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from customhouse.accounts.users import find_user_by_id
from customhouse.index.slow import queries
from customhouse.index.slow.events import ChangeApplied, ChangeLapsed
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.tables import pending_change
from customhouse.index.slow.tell import facts_of, lock_touched, project_of
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import CustomhouseError, Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, SYSTEM, Actor

Do = Callable[[Tx, PendingChange, Actor], object]
"""Does a change, in whose name; raises `Refused` or `Rejected` if that is not possible any more."""

APPLY: Mapping[str, Do] = {}


@dataclass(frozen=True, slots=True)
class Lapse:
    """A change that was due, and why it could not be made."""

    change_id: int
    why: str


def apply_due(deeds: Deeds, change_id: int) -> bool:
    """Make a change if it is due; False if it is not, or was over already. Doing it again finds it over."""
    try:
        return deeds.do(apply_change, change_id)
    except (Refused, Rejected) as error:
        deeds.do(lapse, Lapse(change_id, _why(error)))
        return False


def apply_change(change_id: int, tx: Tx) -> bool:
    """Claim the change and do its deed, in one transaction."""
    change = queries.find_change(tx.sql, change_id)
    if change.effective_at > tx.now() or change.state != "waiting":
        return False
    return do_now(tx, change)


def do_now(tx: Tx, change: PendingChange) -> bool:
    """Do what a change wants, now; False if somebody else has ended it meanwhile."""
    by = _actor(tx, change)
    # First what it is about, as every deed does; then the change itself.
    lock_touched(tx, change)
    claimed = tx.sql.execute(
        pending_change.update()
        .where(pending_change.c.id == change.id, pending_change.c.state == change.state)
        .values(state="applied", ended_at=tx.now())
    ).rowcount
    if not claimed:
        return False
    tx.waited = True
    APPLY[change.kind](tx, change, by)
    tx.record(ChangeApplied(SYSTEM, project_of(tx.sql, change), **facts_of(tx.sql, change)))
    return True


def lapse(command: Lapse, tx: Tx) -> None:
    """Note that a change could not be made. One that was ended meanwhile stays as it is."""
    change = queries.find_change(tx.sql, command.change_id)
    claimed = tx.sql.execute(
        pending_change.update()
        .where(pending_change.c.id == change.id, pending_change.c.state == "waiting")
        .values(state="lapsed", ended_at=tx.now(), ended_why=command.why)
    ).rowcount
    if claimed:
        tx.record(ChangeLapsed(SYSTEM, project_of(tx.sql, change), **facts_of(tx.sql, change), why=command.why))


def _actor(tx: Tx, change: PendingChange) -> Actor:
    """Who asked for it, with the rights that he has now."""
    if change.requested_by is None:
        return COMMAND_LINE
    user = find_user_by_id(tx.sql, change.requested_by)
    if user.frozen:
        raise Refused("frozen", f"The account {user.name!r}, which asked for it, is frozen.")
    return user.actor


def _why(error: CustomhouseError) -> str:
    return str(error)
