"""Control of mail: the letter at the account's address was read, or the one at the address that takes its place."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.accounts.mail_address import MailAddress, holder_of
from customhouse.accounts.tables import account
from customhouse.index.recovery.accept import Given, accept
from customhouse.index.recovery.close import locked
from customhouse.index.recovery.events import RecoveryAddressGiven, RecoveryAddressTold
from customhouse.index.recovery.links import Opened
from customhouse.index.recovery.model import Case, mail_root
from customhouse.index.recovery.tables import recovery_approval, recovery_case
from customhouse.index.recovery.tell import about, told
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS


@dataclass(frozen=True, slots=True)
class NameAddress:
    """A person's wish that mail go to another address after her recovery."""

    case: Case
    email: MailAddress


def prove_mail(opened: Opened, tx: Tx) -> Case:
    """Count the letter's link as a proof. The address must still be the account's, and verified (A30, A33)."""
    case = locked(tx, opened.case.id)
    if opened.purpose != "mail" or not case.email:
        raise Refused("not-by-this-link", "Only the link in the letter proves that you have read it.")
    row = tx.sql.execute(
        sa.select(account.c.email, account.c.email_verified_at).where(account.c.id == case.account_id)
    ).one_or_none()
    if row is None or row.email != case.email or row.email_verified_at is None:
        raise Refused(
            "address-changed", "The account's address has changed, or counts as verified no longer.",
            "Give other proofs, and name the address that mail reaches you at.", status=409,
        )  # fmt: skip
    domain = case.email.rpartition("@")[2]
    given = Given(
        "mail", f"the account's address at {domain}", "The secret link of a letter to that address was followed.",
        accepted=True, rests_on=frozenset({mail_root(domain)}),
    )  # fmt: skip
    return accept(tx, case.id, given)


def name_address(command: NameAddress, tx: Tx) -> None:
    """Name another address; it counts when the link that is sent there was followed. The latest one named wins.

    An operator who has agreed already has agreed with the address that was there: he must look again.
    """
    case = locked(tx, command.case.id)
    if case.approved_at is not None:
        raise _too_late()
    tx.sql.execute(
        recovery_case.update()
        .where(recovery_case.c.id == case.id)
        .values(new_email=command.email.text, new_email_at=None)
    )
    _look_again(tx, case)
    if case.account_id is not None:
        tx.record(RecoveryAddressGiven(ANONYMOUS, None, *about(tx.sql, case), proved=False))
    values = {"case_id": case.id, "at": tx.now().isoformat()}
    # Not told whose account it is, because the address may be anybody's; and sent if it is nobody's, because whoever
    # has named an address of his own would learn that from the letter that does not come (A3).
    arguments = {"address": command.email.text, "reader": "there", "template": "recovery-address", "values": values}
    tx.later("mail", arguments)


def prove_address(opened: Opened, tx: Tx) -> None:
    """Note that the link in the letter to the new address was followed.

    Of a case that holds uploads all those concerned hear it; a stranger alone, who holds none, makes no letters so.
    """
    case = locked(tx, opened.case.id)
    if opened.purpose != "address" or case.new_email != opened.case.new_email:
        raise Refused("not-by-this-link", "Only the link in the letter to that address proves that you have read it.")
    if case.approved_at is not None:
        raise _too_late()
    if holder_of(tx.sql, case.new_email, but=case.account_id or 0) is not None:
        raise Refused(
            "address-taken", "This address belongs to another account of this index.", "Name another one.", status=409
        )
    if case.new_email_at is None:
        tx.sql.execute(recovery_case.update().where(recovery_case.c.id == case.id).values(new_email_at=tx.now()))
        _look_again(tx, case)
        if case.account_id is not None:
            tx.record(RecoveryAddressGiven(ANONYMOUS, None, *about(tx.sql, case), proved=True))
        if case.held_at is not None:
            tx.record(RecoveryAddressTold(ANONYMOUS, None, *about(tx.sql, case), co_owners=told(tx.sql, case)))


def _look_again(tx: Tx, case: Case) -> None:
    """Take back what operators have said of a case in which mail went elsewhere."""
    tx.sql.execute(recovery_approval.delete().where(recovery_approval.c.case_id == case.id))


def _too_late() -> Refused:
    return Refused("too-late", "Two operators have agreed with the address that was there.", status=409)
