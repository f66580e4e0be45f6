"""Somebody who has lost his factor asks for an account. Nothing changes for it, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.index.recovery.close import close
from customhouse.index.recovery.events import RecoveryAnnounced, RecoveryOpened
from customhouse.index.recovery.model import Case, Delays
from customhouse.index.recovery.queries import find_case
from customhouse.index.recovery.tables import recovery_case
from customhouse.index.recovery.tell import about, told
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.identity import ANONYMOUS, SYSTEM

ANNOUNCE_JOB = "announce-recovery"
_BY_NAME = sa.select(account.c.id, account.c.email, account.c.email_verified_at).where(
    account.c.normalized == sa.bindparam("name"), account.c.frozen_at.is_(None), account.c.closed_at.is_(None)
)
_BY_EMAIL = sa.select(account.c.id, account.c.email, account.c.email_verified_at).where(
    sa.func.lower(account.c.email) == sa.bindparam("name"), account.c.frozen_at.is_(None),
    account.c.email_verified_at.is_not(None), account.c.closed_at.is_(None),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Somebody's wish to get an account back."""

    name: str
    """What was typed: a user name, or, if the link is sent, an address too."""
    sent: bool
    """The link goes to the account's address; otherwise it is shown to whoever asks."""
    delays: Delays
    letters: bool = True
    """Whether letters are written; after many askings in a day they are not."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whose account was asked for."""

    account_id: int
    email: str
    """Empty unless it is verified."""


def find_person(sql: Connection, name: str, *, by_email: bool) -> Person | None:
    """The account of a name, or of an address if that is asked for and stands for one account only.

    A frozen account is nobody: operators froze it, and they thaw it. So is a closed one: it was closed for ever.
    """
    statement = _BY_EMAIL if by_email and "@" in name else _BY_NAME
    rows = sql.execute(statement, {"name": name.lower()}).all()
    if len(rows) != 1:
        return None
    return Person(rows[0].id, rows[0].email if rows[0].email_verified_at is not None else "")


def open_case(command: OpenCase, tx: Tx) -> Case | None:
    """Open a case; the caller answers everybody alike, and we take as long for nobody's account as for somebody's (A3).

    Shown to the visitor, the link belongs to a new case each time, and to one about nobody if no account has that name:
    the same page, the same token, the same proofs that fail. By name alone: a case's page lists what the account's
    projects name, and whose address is whose must not be learned so. Sent, it belongs to the one open case that letters
    lead to; asking twice sends it again. Whoever is concerned is told by a job, because that takes longer for some.
    """
    person = find_person(tx.sql, command.name, by_email=command.sent)
    if command.sent and person is not None and not person.email:
        person = None
    there = _waiting(person, tx) if command.sent else None
    if there is None:
        return _opened(command, person, tx)
    if command.letters:
        write_link(there, tx)
    return there


def _waiting(person: Person | None, tx: Tx) -> Case | None:
    """The open case that letters lead to, if the account still has the address that they went to."""
    case_id = tx.sql.execute(
        sa.select(recovery_case.c.id).where(
            recovery_case.c.account_id == (person.account_id if person else 0),
            recovery_case.c.sent,
            recovery_case.c.closed_at.is_(None),
        )
    ).scalar()
    case = find_case(tx.sql, case_id, lock=True) if case_id is not None else None
    if case is None or not case.open:
        return None
    if person is None or case.email != person.email:
        close(tx, case, "superseded", "The account has another address now.", by=SYSTEM)
        return None
    return case


def _opened(command: OpenCase, person: Person | None, tx: Tx) -> Case | None:
    new = insert_new(
        tx.sql,
        recovery_case,
        public_id=new_id(),
        account_id=person.account_id if person else None,
        sent=command.sent,
        email=person.email if person else "",
        opened_at=tx.now(),
        expires_at=tx.now() + command.delays.case,
    )
    if new is None:  # a rival has just opened the one that letters lead to, and its letter is on the way
        return None
    case = find_case(tx.sql, new.id)
    if case is not None:
        tx.record(RecoveryOpened(ANONYMOUS, None, *about(tx.sql, case), sent=command.sent))
        if command.letters:
            tx.later(ANNOUNCE_JOB, {"case_id": case.id})
    return case


def announce(case_id: int, tx: Tx) -> bool:
    """Tell those concerned that a case was opened, and send its link; False if that was done, or concerns nobody."""
    case = find_case(tx.sql, case_id, lock=True)
    if case is None or not case.open or case.account_id is None or case.announced_at is not None:
        return False
    tx.sql.execute(recovery_case.update().where(recovery_case.c.id == case.id).values(announced_at=tx.now()))
    tx.record(RecoveryAnnounced(ANONYMOUS, None, *about(tx.sql, case), co_owners=told(tx.sql, case)))
    if case.sent:
        write_link(case, tx)
    return True


def write_link(case: Case, tx: Tx) -> None:
    """Have the link sent to the account's address."""
    values = {"case_id": case.id, "at": tx.now().isoformat()}
    tx.later("mail", {"account_id": case.account_id, "template": "recovery-link", "values": values})
