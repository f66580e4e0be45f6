"""Remove a second factor, unless what somebody owes forbids that it is the last one."""

from __future__ import annotations

from customhouse.accounts import factors
from customhouse.accounts.factors import Factor, RemoveFactor
from customhouse.accounts.users import find_user_by_id
from customhouse.index.mandates.keep_factor import refuse_losing_factor
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.ledger.tx import Tx


def remove_factor(command: RemoveFactor, tx: Tx) -> Factor | PendingChange:
    """Remove a factor, or let that wait if the account owns protected projects; then what waits is returned.

    Raises `Refused` if it is the last one that a mandate rests on (A16).
    """
    refuse_losing_factor(tx.sql, command.account_id, command.factor_id, tx.now(), site="")
    if waits := _wait(command, tx):
        return waits
    return factors.remove_factor(command, tx)


def _wait(command: RemoveFactor, tx: Tx) -> PendingChange | None:
    """What waits, if whoever took the account over could reach projects that others build on (A30)."""
    user = find_user_by_id(tx.sql, command.account_id)
    factor = next((one for one in factors.factors_of(tx.sql, user.id) if one.id == command.factor_id), None)
    if factor is None:
        raise factors.no_such_factor()
    return put_off(
        tx, "factor-removed", about=user.id, by=user.actor,
        arguments={"account_id": user.id, "factor_id": factor.id, "must_keep": command.must_keep},
        sentence=f"a second factor of the account {user.name} is removed", what=str(factor.id),
    )  # fmt: skip
