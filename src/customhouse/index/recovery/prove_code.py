"""A recovery code that was kept.

One unused code of the current set counts as a proof of its own class: the account's owner was asked to keep the codes,
and to burn one to show it. A code of an older set counts as weaker, never beside the letter alone: sets are replaced
when somebody fears that they were seen. Either is used up by being given, here and everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.accounts.tables import recovery_code
from customhouse.index.recovery.accept import Given, accept
from customhouse.index.recovery.close import locked
from customhouse.index.recovery.model import Case, Kind
from customhouse.ledger.tx import Tx

SUBJECT = "a recovery code of the account"
OLD_SUBJECT = "a recovery code that a newer set has replaced"
WRONG = "It was none of the account's unused codes."


@dataclass(frozen=True, slots=True)
class GiveCode:
    """A code that was typed, by its keyed hash."""

    case: Case
    code_hash: str


def prove_code(command: GiveCode, tx: Tx) -> bool:
    """Use a code up as a proof; False if it is none. Two at once: one of them gets it."""
    case = locked(tx, command.case.id)
    row = tx.sql.execute(
        sa.select(recovery_code.c.id, recovery_code.c.replaced_at).where(
            recovery_code.c.account_id == case.account_id,
            recovery_code.c.code_hash == command.code_hash,
            recovery_code.c.used_at.is_(None),
        )
    ).one_or_none()
    used = row is not None and bool(
        tx.sql.execute(
            recovery_code.update()
            .where(recovery_code.c.id == row.id, recovery_code.c.used_at.is_(None))
            .values(used_at=tx.now())
        ).rowcount
    )
    kind: Kind = "old-code" if row is not None and row.replaced_at is not None else "code"
    subject = OLD_SUBJECT if kind == "old-code" else SUBJECT
    how = "It was compared with the stored hash and is used up." if used else WRONG
    accept(tx, case.id, Given(kind, subject, how, accepted=used, rests_on=frozenset({"codes"} if used else ())))
    return used
