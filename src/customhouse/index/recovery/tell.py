"""Who hears of a case by letter besides the one whose account it is."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from customhouse.index.recovery.model import Case
from customhouse.index.recovery.people import co_owners
from customhouse.index.recovery.queries import name_of


def about(sql: Connection, case: Case) -> tuple[int, str, str]:
    """What every event of a case says: its number, the account's id as text, the account's name."""
    name = name_of(sql, case.account_id)
    return (case.id, str(case.account_id), name) if case.account_id is not None else (case.id, "", "of nobody")


def told(sql: Connection, case: Case) -> tuple[str, ...]:
    """The ids of the co-owners, as events write them."""
    return tuple(str(other) for other in sorted(co_owners(sql, case.account_id))) if case.account_id else ()
