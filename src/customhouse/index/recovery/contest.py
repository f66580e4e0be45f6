"""One click against a recovery: of the one whose account it is, or of a co-owner."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import User
from customhouse.index.recovery.close import close, locked
from customhouse.index.recovery.events import RecoveryContested
from customhouse.index.recovery.model import Delays
from customhouse.index.recovery.people import became_owner_since, co_owners
from customhouse.index.recovery.prove_vouch import unknown_case
from customhouse.index.recovery.tables import recovery_case, recovery_objection
from customhouse.index.recovery.tell import about, told
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused


@dataclass(frozen=True, slots=True)
class Contest:
    """Somebody's no."""

    case_id: int
    reason: str
    by: User
    delays: Delays


def contest(command: Contest, tx: Tx) -> str:
    """Object; returns ``ended`` or ``contested``.

    Whoever is signed in to the account ends a case that holds no strong proof of the other one. With such a proof the
    click makes it contested: it goes on only if an operator says so. So does a co-owner's at any time, once for each;
    who became one after the case was opened has no say.
    """
    case = locked(tx, command.case_id)
    own = case.account_id == command.by.id
    shared = co_owners(tx.sql, case.account_id).get(command.by.id) if case.account_id is not None else None
    if not own and shared is None:
        raise unknown_case(command.case_id)
    if own and case.held_at is None and case.approved_at is None:
        close(
            tx, case, "ended", command.reason or "Whoever is signed in to the account ended it.", by=command.by.identity
        )
        return "ended"
    if shared is not None and not own and became_owner_since(tx.sql, command.by.id, shared, case.opened_at):
        raise Refused("too-new", "You became an owner after the case was opened.", "Write to the operators.")
    new = insert_new(
        tx.sql, recovery_objection, case_id=case.id, account_id=command.by.id, at=tx.now(), reason=command.reason
    )
    if new is None:
        raise Refused("objected", "You have objected to this case already.", "Write to the operators.", status=409)
    expires_at = max(case.expires_at, tx.now() + command.delays.case)
    tx.sql.execute(
        recovery_case.update()
        .where(recovery_case.c.id == case.id)
        .values(contested_at=case.contested_at or tx.now(), expires_at=expires_at, reopens_at=None)
    )
    facts = about(tx.sql, case)
    tx.record(
        RecoveryContested(
            command.by.identity, None, *facts, reason=command.reason, co_owners=told(tx.sql, case)
        )
    )  # fmt: skip
    return "contested"
