"""A factor that a mandate rests on stays (A16): whoever meets an enforced mandate must still meet it without."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.accounts.factors import Method, factors_of, lock_account
from customhouse.index.mandates.requirements import Requirement, requirements_of
from customhouse.index.mandates.text import requirements_text
from customhouse.terms.errors import Refused


def must_keep(sql: Connection, account_id: int, factor_id: int, now: datetime) -> Requirement | None:
    """The requirement that an account would no longer meet without that factor; None if it may go.

    Only what is enforced counts: until then a factor may be exchanged at leisure. Whoever is let off may do without.
    """
    left: set[Method] = {one.method for one in factors_of(sql, account_id) if one.id != factor_id}
    for one in requirements_of(sql, account_id, now):
        if one.state == "enforced" and one.met and one.exempt is None and not left & set(one.methods):
            return one
    return None


def refuse_losing_factor(sql: Connection, account_id: int, factor_id: int, now: datetime, site: str) -> None:
    """Raise `Refused` if a mandate rests on the factor. Ask inside the deed that removes it.

    The account is locked first: of two that are removed at once, the second one finds the first one gone.
    """
    lock_account(sql, account_id)
    kept = must_keep(sql, account_id, factor_id, now)
    if kept is not None:
        raise Refused(
            "factor-required",
            f"A mandate rests on this factor. {requirements_text(kept, site)}",
            "Add another one first, then remove this one.",
            status=409,
        )
