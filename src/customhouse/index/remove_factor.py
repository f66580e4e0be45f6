"""Remove a second factor, unless what somebody owes forbids that it is the last one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.accounts import factors
from customhouse.accounts.factors import Factor, RemoveFactor
from customhouse.index.mandates.keep_factor import refuse_losing_factor
from customhouse.ledger.tx import Tx

MustKeep = Callable[[Connection, int, datetime], str]
"""An account's id to the sentence that says why it may not be without a second factor now; empty if it may."""

RULES: tuple[MustKeep, ...] = ()


def remove_factor(command: RemoveFactor, tx: Tx) -> Factor:
    """Remove a factor; raises `Refused` if it is the last one and a rule says that one must stay (A16)."""
    refuse_losing_factor(tx.sql, command.account_id, command.factor_id, tx.now(), site="")
    sentences = (rule(tx.sql, command.account_id, tx.now()) for rule in RULES)
    must_keep = command.must_keep or next((sentence for sentence in sentences if sentence), "")
    wish = RemoveFactor(command.account_id, command.factor_id, command.by, must_keep, command.keep_session)
    return factors.remove_factor(wish, tx)
