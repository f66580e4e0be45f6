"""An account that is being recovered publishes nothing: what it sends is staged, and waits until the hold is over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.index.recovery.queries import holding_cases, holding_cases_among


def held_until(sql: Connection, account_id: int, now: datetime) -> datetime | None:
    """Until when an account publishes nothing, at the latest; None if no recovery holds it. One statement."""
    dates = [
        date for date in (case.held_until(now) for case in holding_cases(sql, account_id, now)) if date is not None
    ]
    return max(dates, default=None)


def held_among(sql: Connection, account_ids: Collection[int], now: datetime) -> dict[int, datetime]:
    """Which of these accounts are held, and until when at the latest."""
    found: dict[int, datetime] = {}
    for case in holding_cases_among(sql, account_ids, now) if account_ids else ():
        until = case.held_until(now)
        if case.account_id is not None and until is not None:
            found[case.account_id] = max(until, found.get(case.account_id, until))
    return found
