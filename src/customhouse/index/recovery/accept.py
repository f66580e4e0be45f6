"""One row of the evidence ledger: what was checked, how, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.index.recovery.close import locked
from customhouse.index.recovery.events import RecoveryHeld, RecoveryProofGiven
from customhouse.index.recovery.model import Case, Kind, holds_uploads
from customhouse.index.recovery.queries import proofs_of
from customhouse.index.recovery.tables import recovery_case, recovery_proof
from customhouse.index.recovery.tell import about, told
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS, Identity

MOST_ROWS = 60
"""Proofs of one case, the failed ones too: whoever has tried so often opens another case."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was checked for a case."""

    kind: Kind
    subject: str
    how: str
    accepted: bool
    rests_on: frozenset[str] = frozenset()
    own: bool = True
    person_id: int | None = None


def accept(tx: Tx, case_id: int, given: Given, *, by: Identity = ANONYMOUS) -> Case:
    """Write down what came of a check; the first strong proof of one's own makes the account's uploads wait.

    The same proof a second time changes nothing. Raises `Refused` if the case has ended meanwhile.
    """
    case = locked(tx, case_id)
    count = sa.select(sa.func.count()).select_from(recovery_proof).where(recovery_proof.c.case_id == case.id)
    if tx.sql.execute(count).scalar_one() >= MOST_ROWS:
        raise Refused("too-many-proofs", "This case has too many proofs already.", "Open another one.", status=429)
    new = insert_new(
        tx.sql,
        recovery_proof,
        case_id=case.id,
        kind=given.kind,
        subject=given.subject[:500],
        rests_on=sorted(given.rests_on),
        how=given.how,
        at=tx.now(),
        person_id=given.person_id,
        accepted=given.accepted,
        own=given.own,
    )
    if new is None or case.account_id is None:
        return case
    holds = case.held_at is None and given.accepted and holds_uploads(proofs_of(tx.sql, case.id))
    facts = about(tx.sql, case)
    tx.record(
        RecoveryProofGiven(by, None, *facts, proof=given.kind, subject=given.subject[:200], accepted=given.accepted)
    )
    if holds:
        tx.sql.execute(recovery_case.update().where(recovery_case.c.id == case.id).values(held_at=tx.now()))
        tx.record(RecoveryHeld(by, None, *facts, until=case.expires_at.isoformat(), co_owners=told(tx.sql, case)))
    return case
