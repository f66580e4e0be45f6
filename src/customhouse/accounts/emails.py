"""The address of an account: verified by a link, changed by a link to the new one, taken back by a link to the old one.

Nobody learns from an answer of ours whether somebody else has an address: only a letter there says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.devices import forget_places
from customhouse.accounts.linked import unlink_since
from customhouse.accounts.links import (
    Link,
    MakeLink,
    MakePasswordLink,
    claim_link,
    end_links,
    make_link,
    make_password_link,
    read_link,
)
from customhouse.accounts.lock_out import end_sessions
from customhouse.accounts.lost_address import find_lost, may_verify
from customhouse.accounts.mail_address import MailAddress, holder_of
from customhouse.accounts.registration_events import (
    AddressChangeAsked,
    AddressChanged,
    AddressChangeUndone,
    AddressLinkMade,
    AddressVerified,
)
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account, account_link
from customhouse.accounts.users import User, find_user_by_id
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import ANONYMOUS, Identity

SHOWN_LETTERS = 1
UNDO_LIFE = timedelta(hours=72)
"""How long the old address can take a change back: longer than other links work, because nobody expects that letter."""
LINKED_BEFORE = timedelta(days=1)
"""Whoever steals an account may link a login of his own before he takes the address."""


@dataclass(frozen=True, slots=True)
class AskVerification:
    """Somebody's wish for a letter with which he verifies the address of his account."""

    user: User
    life: timedelta


@dataclass(frozen=True, slots=True)
class AskAddress:
    """Somebody's wish for another address."""

    user: User
    email: MailAddress
    life: timedelta
    prohibited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    """An account gets another address, which a link has verified."""

    account_id: int
    email: str
    by: Identity = ANONYMOUS


@dataclass(frozen=True, slots=True)
class AddressRow:
    """What an account's owner sees of its address."""

    email: str
    verified_at: datetime | None
    registered_at: datetime | None

    @property
    def owes(self) -> bool:
        """Whether the account may do little until the address is verified."""
        return self.registered_at is not None and self.verified_at is None


_ROW = sa.select(account.c.email, account.c.email_verified_at, account.c.registered_at).where(
    account.c.id == sa.bindparam("account")
)


def address_of(sql: Connection, account_id: int) -> AddressRow:
    """The address of an account and what is known of it."""
    return AddressRow(*sql.execute(_ROW, {"account": account_id}).one())


def unverified(sql: Connection, account_id: int) -> Refused | None:
    """Whoever has registered himself verifies his address before he uploads, makes projects, is invited or reports.

    Accounts that an operator has made owe nothing: the operator knows whose they are.
    """
    if not address_of(sql, account_id).owes:
        return None
    return Refused(
        "address-not-verified",
        "The address of your account is not verified yet.",
        "Follow the link in the letter that we sent there, or ask for another one at /account/address/.",
    )


def send_verification(command: AskVerification, tx: Tx) -> None:
    """Send a letter to the account's address: with a link, or with the name of the account that has verified it."""
    user = command.user
    row = address_of(tx.sql, user.id)
    if not row.email:
        raise Refused("no-address", "Your account has no address.", "Give one at /account/address/.", status=409)
    if row.verified_at is not None:
        raise Refused("verified-already", "This address is verified already.", status=409)
    if (refusal := may_verify(tx.sql, user.id, row.email)) is not None:
        raise refusal
    end_links(tx, user.id, "verify")
    known = holder_of(tx.sql, row.email, but=user.id)
    link_id = make_link(MakeLink(user.id, "verify", command.life), tx)
    _send(tx, user, row.email, known, "verify-address", link_id)
    tx.record(AddressLinkMade(user.identity, None, user_id=str(user.id), purpose="verify", known=known is not None))


def verify_address(key: ServerKey, text: str, tx: Tx) -> User:
    """Follow the link: the address is verified. Of two accounts with one address the first to do so has it."""
    _take_turn(tx, read_link(key, tx.sql, text, tx.now(), "verify").user)
    link = claim_link(key, tx, text, "verify")
    _refuse_held(tx, link.user, link.email)
    tx.sql.execute(account.update().where(account.c.id == link.user.id).values(email_verified_at=tx.now()))
    tx.record(AddressVerified(link.user.identity, None, user_id=str(link.user.id)))
    return link.user


def ask_address(command: AskAddress, tx: Tx) -> None:
    """Send a link to the new address and tell the old one; nothing is changed until the link is followed."""
    user, wanted = command.user, command.email
    refuse_prohibited(wanted, command.prohibited)
    old = address_of(tx.sql, user.id)
    if old.email == wanted.text:
        raise Rejected("same-address", "email", "this is the address of your account", "another one")
    end_links(tx, user.id, "change")
    known = holder_of(tx.sql, wanted.text, but=user.id)
    link_id = make_link(MakeLink(user.id, "change", command.life, wanted.text), tx)
    _send(tx, user, wanted.text, known, "confirm-address", link_id)
    # The event is told to the old address: letters about an account go to the one that it has.
    tx.record(AddressChangeAsked(user.identity, None, user_id=str(user.id), to=veiled(wanted.text)))


def confirm_address(key: ServerKey, text: str, tx: Tx) -> Link:
    """Follow the link that was sent to a new address; `change_address` makes it the account's."""
    _take_turn(tx, read_link(key, tx.sql, text, tx.now(), "change").user)
    link = claim_link(key, tx, text, "change")
    _refuse_held(tx, link.user, link.target)
    return link


def change_address(command: ChangeAddress, tx: Tx) -> User:
    """Give an account another address, which is verified. The old one hears of it; if it was proved, it can undo it.

    Links that were on their way to the old address die, as each of them names it; sessions and tokens stay.
    """
    user = find_user_by_id(tx.sql, command.account_id)
    _refuse_held(tx, user, command.email)
    old = address_of(tx.sql, user.id)
    before = old.email
    # Whoever registers can type anybody's address, and a lost one is read by somebody else.
    proved = not old.owes and find_lost(tx.sql, user.id) is None
    undo = make_link(MakeLink(user.id, "undo", UNDO_LIFE, before), tx) if before and proved else ""
    tx.sql.execute(
        account.update()
        .where(account.c.id == user.id)
        .values(email=command.email, email_verified_at=tx.now(), email_changed_at=tx.now())
    )
    if before:
        values = {"to": veiled(command.email)} | ({"link_id": undo} if undo else {})
        _write(tx, before, user.name, "address-taken-away", values)
    by = user.identity if command.by.kind == "anonymous" else command.by
    tx.record(
        AddressChanged(by, None, user_id=str(user.id), before=veiled(before), after=veiled(command.email))
    )  # fmt: skip
    return user


def undo_change(key: ServerKey, text: str, life: timedelta, tx: Tx) -> User:
    """Follow the link that was sent to the old address.

    The account has that address again; its sessions are over and its password opens nothing, because whoever has
    changed the address had it; every other open link is dead, no browser is known, and what was linked shortly before
    the change or since is linked no longer. A letter with a link to a new password, which works for ``life``, is on its
    way. Second factors and API tokens stay.
    """
    _take_turn(tx, read_link(key, tx.sql, text, tx.now(), "undo").user)
    link = claim_link(key, tx, text, "undo")
    user = link.user
    _refuse_held(tx, user, link.target)
    tx.sql.execute(
        account.update()
        .where(account.c.id == user.id)
        .values(
            email=link.target,
            email_verified_at=tx.now(),
            email_changed_at=None,
            password_hash=None,
            password_changed_at=tx.now(),
        )
    )
    end_sessions(tx, user.id)
    end_links(tx, user.id, "password", "handed", "verify", "change", "undo")
    forget_places(tx, user.id)
    changed = tx.sql.execute(sa.select(account_link.c.created_at).where(account_link.c.id == link.id)).scalar_one()
    unlink_since(tx, user, changed - LINKED_BEFORE)
    tx.record(AddressChangeUndone(user.identity, None, user_id=str(user.id), after=veiled(link.target)))
    make_password_link(MakePasswordLink(user, life), tx)
    return user


def _take_turn(tx: Tx, user: User) -> None:
    """The account first, then the ledger: the order in which sessions are opened, so that nobody waits in a circle.

    What is read after this sees whoever else has taken the address, so the link is claimed only then.
    """
    tx.sql.execute(sa.select(account.c.id).where(account.c.id == user.id).with_for_update())
    tx.serialize()


def refuse_prohibited(wanted: MailAddress, prohibited: Sequence[str]) -> None:
    """Raise `Refused` for an address at a domain that the operator does not take."""
    if wanted.is_at(tuple(prohibited)):
        raise Refused(
            "prohibited-domain", "Addresses at this domain are not taken here.", "Use another one."
        )  # fmt: skip


def veiled(address: str) -> str:
    """An address with most of its letters left out: enough for who knows it, too little for who does not."""
    local, at, domain = address.rpartition("@")
    return f"{local[:SHOWN_LETTERS]}…{at}{domain}" if at else ""


def _refuse_held(tx: Tx, user: User, email: str) -> None:
    """A link shows who reads a mailbox; that is not enough where another account, or a lost domain, has a say."""
    if holder_of(tx.sql, email, but=user.id) is not None:
        raise Refused(
            "address-taken", "Another account here has verified this address.", "Sign in to that one.", status=409
        )
    if (refusal := may_verify(tx.sql, user.id, email)) is not None:
        raise refusal


def _send(tx: Tx, user: User, email: str, known: str | None, template: str, link_id: str) -> None:
    """A letter with a link; whoever has verified the address for another account hears of that one instead."""
    if known is None:
        _write(tx, email, user.name, template, {"link_id": link_id})
    else:
        _write(tx, email, known, "address-known", {"name": user.name})


def _write(tx: Tx, email: str, reader: str, template: str, values: dict[str, str]) -> None:
    tx.later("mail", {"address": email, "reader": reader, "template": template, "values": values})
