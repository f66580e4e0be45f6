"""Taking away what opens an account: its sessions alone, or everything."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.tables import (
    api_token,
    device_question,
    known_device,
    linked_identity,
    recovery_code,
    second_factor,
    session,
)
from customhouse.ledger.tx import Tx


@dataclass(frozen=True, slots=True)
class Taken:
    """How much of what opens an account was taken away."""

    factors: int
    tokens: int
    sessions: int


def end_sessions(tx: Tx, account_id: int, *, keep: str | None = None) -> int:
    """End every session of an account but the one that is kept (its hash), the unfinished ones too; how many."""
    gone = session.delete().where(session.c.account_id == account_id)
    return tx.sql.execute(gone if keep is None else gone.where(session.c.id_hash != keep)).rowcount


def lock_out(tx: Tx, account_id: int) -> Taken:
    """End sessions and tokens, and forget factors, codes, known browsers and linked logins.

    The password, the address and the links in letters are the caller's business.
    """
    tokens = tx.sql.execute(
        api_token.update()
        .where(api_token.c.account_id == account_id, api_token.c.revoked_at.is_(None))
        .values(revoked_at=tx.now())
    ).rowcount
    sessions = end_sessions(tx, account_id)
    factors = tx.sql.execute(second_factor.delete().where(second_factor.c.account_id == account_id)).rowcount
    for table in (recovery_code, known_device, device_question, linked_identity):
        tx.sql.execute(table.delete().where(table.c.account_id == account_id))
    return Taken(factors, tokens, sessions)
