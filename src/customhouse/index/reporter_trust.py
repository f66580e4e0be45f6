"""An operator marks a reporter as reliable, or takes the mark away."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.tables import account
from customhouse.accounts.users import User, find_user, refuse_unless_operator
from customhouse.index.quarantine import check_reason
from customhouse.ledger.tx import Tx
from customhouse.reports.events import ReporterDistrusted, ReporterTrusted
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class TrustReporter:
    """An operator's wish that somebody's reports weigh more, or no longer do."""

    user: str
    reason: str
    trusted: bool = True
    by: Actor = COMMAND_LINE


def trust_reporter(command: TrustReporter, tx: Tx) -> User:
    """Set or unset the mark. Setting it again begins anew: reports rejected before no longer count against it."""
    refuse_unless_operator(command.by)
    reason = check_reason(command.reason, "reason")
    user = find_user(tx.sql, command.user)
    tx.sql.execute(
        account.update()
        .where(account.c.id == user.id)
        .values(trusted_reporter_at=tx.now() if command.trusted else None)
    )
    event = ReporterTrusted if command.trusted else ReporterDistrusted
    tx.record(event(command.by.as_operator, None, user_id=str(user.id), name=user.name, reason=reason))
    return user
