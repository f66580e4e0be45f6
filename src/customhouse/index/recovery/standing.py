"""Which of the accepted proofs still stand: what was true when it was checked may be so no longer."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from customhouse.accounts.lost_address import may_verify
from customhouse.index.recovery.model import Case, Proof
from customhouse.index.recovery.people import co_owners
from customhouse.index.recovery.queries import Evidence, evidence_of


def standing_proofs(sql: Connection, case: Case) -> list[Proof]:
    """The accepted proofs without the word of somebody who is no co-owner any more, or whose account is frozen.

    The letter counts no longer if its domain has been given up in the meantime: somebody else may have read it (A33).
    """
    found = [one for one in evidence_of(sql, case.id) if one.accepted]
    if case.account_id is None:
        return [one.proof for one in found]
    others = co_owners(sql, case.account_id) if any(one.person_id for one in found) else {}
    lost = is_lost(sql, case, case.email)

    def stands(one: Evidence) -> bool:
        return (one.person_id is None or one.person_id in others) and not (lost and one.kind == "mail")

    return [one.proof for one in found if stands(one)]


def is_lost(sql: Connection, case: Case, email: str) -> bool:
    """Whether an address is one that the account has lost with its domain."""
    return case.account_id is not None and bool(email) and may_verify(sql, case.account_id, email) is not None
