"""The rule of the upload: an account that is being recovered publishes nothing, and is told when it may again."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from customhouse.index.publisher import Publisher
from customhouse.index.recovery.queries import holding_cases
from customhouse.terms.errors import Refused


def may_upload(sql: Connection, publisher: Publisher) -> Refused | None:
    """Refuse the uploads of an account that a recovery holds; one statement where none does, which is nearly always."""
    cases = holding_cases(sql, publisher.account_id, publisher.now)
    dates = [date for date in (case.held_until(publisher.now) for case in cases) if date is not None]
    if not dates:
        return None
    waits = any(case.open for case in cases)
    why = "Somebody asks to get this account back" if waits else "This account was given back a short while ago"
    latest = " at the latest" if waits else ""
    return Refused(
        "account-in-recovery",
        f"{why}, so it publishes nothing until {max(dates):%-d %B %Y, %H:%M} UTC{latest}.",
        f"The case, and how to object to it: {publisher.site}/account/recovery/",
    )
