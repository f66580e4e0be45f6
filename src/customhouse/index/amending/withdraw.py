"""An amendment is withdrawn by a further record; the first one stays, and everybody can see both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from customhouse.accounts.tokens import look_again
from customhouse.catalog.lifecycle import may_yank
from customhouse.formats.amendment import Amendment, Withdrawal, message, read_reason, to_json
from customhouse.index.amending.events import AmendmentWithdrawn, ViewAmended
from customhouse.index.amending.publish import SignedBy, refuse_unless_of_view, signed_record
from customhouse.index.amending.queries import find
from customhouse.index.amending.tables import amendment
from customhouse.index.subject import lock_subject, refuse_if, unknown
from customhouse.ledger.chain import canonical
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import normalize


@dataclass(frozen=True, slots=True)
class WithdrawAmendment:
    """A wish that it counts no more."""

    amendment_id: str
    reason: str
    project: str = ""
    """If given, it must be one of this project, said everywhere: whoever asks has shown that he acts for it."""
    by: Actor = COMMAND_LINE


def withdraw_amendment(sign: SignedBy, command: WithdrawAmendment, tx: Tx) -> Amendment:
    """Withdraw it; returns what it said. The same people may who may say it."""
    reason = read_reason(command.reason)
    told = find(tx.sql, command.amendment_id)
    if told is None or (command.project and (told.record.project != normalize(command.project) or told.record.view)):
        raise unknown("such amendment")
    record, by = told.record, command.by
    identity, role = by.as_operator, "operator"
    if record.view:
        refuse_unless_of_view(by)
    else:
        subject = lock_subject(tx, record.project, "", "", by)
        refuse_if(may_yank(subject.project, subject.standing.role, operator=by.operator))
        if subject.standing.role is not None:
            identity, role = by.identity, subject.standing.role
    # Looked at behind the lock: of two who withdraw it at once, one does.
    end = Withdrawal(record.id, record.project, reason, role, tx.now(), record.view)
    signed = signed_record(sign, end, tx)
    done = tx.sql.execute(
        amendment.update()
        .where(amendment.c.id == record.id, amendment.c.withdrawn_at.is_(None))
        .values(
            withdrawn_at=end.at, withdrawal=canonical(to_json(end)), withdrawal_key=signed.key,
            withdrawal_signature=signed.signature,
        )
    )  # fmt: skip
    if done.rowcount != 1:
        raise Refused("withdrawn", f"Amendment {record.id} is withdrawn already.", status=409)
    if by.token_id:
        tx.serialize()
        look_again(tx, by.token_id, by.scope)
    if record.view:
        tx.void_view(record.view)
        digest = hashlib.sha256(message(end)).hexdigest()
        tx.record(
            ViewAmended(
                identity, None, record.view, record.project, record.id, "withdrawn", record.releases, record.before,
                record.after, reason, digest,
            )
        )  # fmt: skip
    else:
        tx.record(
            AmendmentWithdrawn(
                identity, record.project, record.id, record.kind, record.releases, record.before, record.after, reason
            )
        )
    return record
