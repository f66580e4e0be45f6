"""The delay is over and nobody has objected: the account is given back, emptied of everything that opens it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from customhouse.accounts.factors import lock_account
from customhouse.accounts.links import MakePasswordLink, end_links, make_password_link
from customhouse.accounts.lock_out import Taken, lock_out
from customhouse.accounts.mail_address import holder_of
from customhouse.accounts.tables import account
from customhouse.accounts.users import find_user_by_id
from customhouse.index.recovery.events import RecoveryCompleted, RecoveryContested
from customhouse.index.recovery.model import NEEDED_OPERATORS, Case, Delays, address_to_write_to, missing_of
from customhouse.index.recovery.queries import find_case, voices_of
from customhouse.index.recovery.standing import is_lost, standing_proofs
from customhouse.index.recovery.tables import recovery_case
from customhouse.index.recovery.tell import about, told
from customhouse.index.recovery.wishes import lapse_wishes
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import SYSTEM


@dataclass(frozen=True, slots=True)
class Complete:
    """A case whose delay may be over, and how long the link works."""

    case_id: int
    delays: Delays
    link_life: timedelta


def complete(command: Complete, tx: Tx) -> bool:
    """Give the account back; False if there is nothing to do now, so that running it again does nothing.

    Everything that opens the account goes, whoever has it: factors, recovery codes, the password, sessions, known
    devices, linked identities, API tokens, links in letters, wishes that still wait. Then a link for a new password
    goes to the address that was proved in the case, which is the account's from now on. An objection that came first
    wins: both lock the case, and whoever comes second sees it.
    """
    found = find_case(tx.sql, command.case_id)
    if found is None or found.account_id is None or not found.open:
        return False
    account_id = found.account_id
    lock_account(tx.sql, account_id)
    case = find_case(tx.sql, found.id, lock=True)
    if case is None or not _is_due(case, tx):
        return False
    email = address_to_write_to(case, standing_proofs(tx.sql, case))
    facts = about(tx.sql, case)
    row = tx.sql.execute(
        sa.select(account.c.email, account.c.frozen_at, account.c.closed_at).where(account.c.id == account_id)
    ).one()
    why = _why_not(tx, case, email)
    if row.frozen_at is not None or row.closed_at is not None:
        why = why or "The account was frozen or closed in the meantime."
    if why:
        tx.sql.execute(
            recovery_case.update().where(recovery_case.c.id == case.id).values(contested_at=tx.now(), reopens_at=None)
        )
        tx.record(RecoveryContested(SYSTEM, None, *facts, reason=why, co_owners=told(tx.sql, case)))
        return False
    closed = recovery_case.update().where(recovery_case.c.id == case.id, recovery_case.c.closed_at.is_(None))
    opens_at = tx.now() + command.delays.quiet
    ended = {"closed_at": tx.now(), "outcome": "completed", "closed_by": SYSTEM.name, "reopens_at": opens_at}
    if not tx.sql.execute(closed.values(**ended)).rowcount:
        return False
    before = row.email
    taken = _empty(account_id, tx)
    # The ledger's head is ours from here on, and nobody verifies the same address meanwhile. Not sooner: whoever
    # holds a row that goes here waits for the head. Refused, the job tries again, and an operator gets the case.
    tx.serialize()
    if holder_of(tx.sql, email, but=account_id) is not None:
        raise Refused("address-taken", "Another account has just verified the same address.", status=409)
    tx.sql.execute(
        account.update()
        .where(account.c.id == account_id)
        .values(
            email=email,
            email_verified_at=tx.now(),
            password_hash=None,
            password_changed_at=tx.now(),
            second_locked_at=None,
            **({"email_changed_at": tx.now()} if email != before else {}),
        )
    )
    make_password_link(MakePasswordLink(find_user_by_id(tx.sql, account_id), command.link_life, SYSTEM), tx)
    tx.record(
        RecoveryCompleted(
            SYSTEM, None, *facts, co_owners=told(tx.sql, case), factors=taken.factors, tokens=taken.tokens,
            sessions=taken.sessions, new_address=email != before, opens_at=opens_at.isoformat(),
        )
    )  # fmt: skip
    if before and before != email:
        values = {"case_id": case.id, "at": tx.now().isoformat()}
        arguments = {"address": before, "reader": facts[2], "template": "recovery-moved", "values": values}
        tx.later("mail", arguments)
    return True


def _why_not(tx: Tx, case: Case, email: str) -> str:
    """What has become untrue since two operators agreed; empty if all of it stands."""
    if not email or is_lost(tx.sql, case, email) or holder_of(tx.sql, email, but=case.account_id or 0) is not None:
        return "The address that mail should go to cannot be trusted any more: its domain or its account has changed."
    if missing_of(case, standing_proofs(tx.sql, case)):
        return "The evidence is not enough any more: some of it does not count now."
    if len(voices_of(tx.sql, case.id)) < NEEDED_OPERATORS:
        return "Not both of those who agreed are operators still."
    return ""


def _is_due(case: Case, tx: Tx) -> bool:
    return case.open and case.contested_at is None and case.due_at is not None and case.due_at <= tx.now()


def _empty(account_id: int, tx: Tx) -> Taken:
    """Take away what opens the account."""
    taken = lock_out(tx, account_id)
    end_links(tx, account_id, "password", "handed", "verify", "change", "undo")
    lapse_wishes(tx, account_id)
    return taken
