"""Somebody who has lost his factor asks for an account. Nothing changes for it, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.index.recovery.close import close
from customhouse.index.recovery.events import RecoveryAnnounced, RecoveryOpened
from customhouse.index.recovery.links import new_public_id
from customhouse.index.recovery.model import Case, Delays
from customhouse.index.recovery.queries import find_case
from customhouse.index.recovery.tables import recovery_case
from customhouse.index.recovery.tell import about, told
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import ANONYMOUS, SYSTEM

_BY_NAME = sa.select(account.c.id, account.c.email, account.c.email_verified_at).where(
    account.c.normalized == sa.bindparam("name"), account.c.frozen_at.is_(None)
)
_BY_EMAIL = sa.select(account.c.id, account.c.email, account.c.email_verified_at).where(
    sa.func.lower(account.c.email) == sa.bindparam("name"), account.c.frozen_at.is_(None),
    account.c.email_verified_at.is_not(None),
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

    A frozen account is nobody: operators froze it, and they thaw it.
    """
    statement = _BY_EMAIL if by_email and "@" in name else _BY_NAME
    rows = sql.execute(statement, {"name": name.lower()}).all()
    if len(rows) != 1:
        return None
    return Person(rows[0].id, rows[0].email if rows[0].email_verified_at is not None else "")


def open_case(command: OpenCase, tx: Tx) -> Case | None:
    """Open a case; the caller answers everybody alike.

    Shown to the visitor, the link belongs to a new case each time, and to one about nobody if no account has that name:
    the same page, the same token, the same proofs that fail. By name alone: a case's page lists what the account's
    projects name, and whose address is whose must not be learned so. Sent, it belongs to the one open case that letters
    lead to; asking twice sends it again.
    """
    person = find_person(tx.sql, command.name, by_email=command.sent)
    if not command.sent:
        return _opened(command, person, tx)
    if person is None or not person.email:
        return None
    there = tx.sql.execute(
        sa.select(recovery_case.c.id, recovery_case.c.email).where(
            recovery_case.c.account_id == person.account_id, recovery_case.c.sent, recovery_case.c.closed_at.is_(None)
        )
    ).one_or_none()
    if there is not None and there.email != person.email:
        case = find_case(tx.sql, there.id, lock=True)
        if case is not None and case.open:
            close(tx, case, "superseded", "The account has another address now.", by=SYSTEM)
        there = None
    if there is None:
        return _opened(command, person, tx)
    case = find_case(tx.sql, there.id)
    if case is not None and command.letters:
        _write(case, tx)
    return case


def _opened(command: OpenCase, person: Person | None, tx: Tx) -> Case | None:
    new = insert_new(
        tx.sql,
        recovery_case,
        public_id=new_public_id(),
        account_id=person.account_id if person else None,
        sent=command.sent,
        email=person.email if person else "",
        opened_at=tx.now(),
        expires_at=tx.now() + command.delays.case,
    )
    if new is None:  # a rival has just opened the one that letters lead to, and its letter is on the way
        return None
    case = find_case(tx.sql, new.id)
    if case is None or person is None:
        return case
    tx.record(RecoveryOpened(ANONYMOUS, None, *about(tx.sql, case), sent=command.sent))
    if command.letters:
        tx.record(RecoveryAnnounced(ANONYMOUS, None, *about(tx.sql, case), co_owners=told(tx.sql, case)))
        if command.sent:
            _write(case, tx)
    return case


def _write(case: Case, tx: Tx) -> None:
    """Have the link sent to the account's address."""
    tx.sql.execute(recovery_case.update().where(recovery_case.c.id == case.id).values(letter_at=tx.now()))
    values = {"case_id": case.id, "at": tx.now().isoformat()}
    tx.later("mail", {"account_id": case.account_id, "template": "recovery-link", "values": values})
