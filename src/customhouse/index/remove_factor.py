"""Remove a second factor, unless what somebody owes forbids that it is the last one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.accounts import factors
from customhouse.accounts.factors import Factor, RemoveFactor
from customhouse.accounts.users import find_user_by_id
from customhouse.index.mandates.keep_factor import refuse_losing_factor
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.ledger.tx import Tx

MustKeep = Callable[[Connection, int, datetime], str]
"""An account's id to the sentence that says why it may not be without a second factor now; empty if it may."""

RULES: tuple[MustKeep, ...] = ()


def remove_factor(command: RemoveFactor, tx: Tx) -> Factor | PendingChange:
    """Remove a factor, or let that wait if the account owns protected projects; then what waits is returned.

    Raises `Refused` if it is the last one and a rule says that one must stay (A16).
    """
    refuse_losing_factor(tx.sql, command.account_id, command.factor_id, tx.now(), site="")
    sentences = (rule(tx.sql, command.account_id, tx.now()) for rule in RULES)
    must_keep = command.must_keep or next((sentence for sentence in sentences if sentence), "")
    if waits := _wait(command, tx):
        return waits
    wish = RemoveFactor(command.account_id, command.factor_id, command.by, must_keep, command.keep_session)
    return factors.remove_factor(wish, tx)


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
