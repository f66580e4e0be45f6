"""Links in mails: one purpose, one use, a few hours, bound to the address and the password of when they were made.

A link reads ``IDENTIFIER.SIGNATURE`` and its second half derives from the server's key, as an API token's does. So
neither a row nor a waiting mail holds anything that opens an account; the text is completed when the mail is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.breached import PasswordUnchecked
from customhouse.accounts.devices import forget_places
from customhouse.accounts.events import PasswordLinkMade, PasswordSet
from customhouse.accounts.lock_out import end_sessions
from customhouse.accounts.lost_address import hold_back, may_verify
from customhouse.accounts.mail_address import holder_of
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account, account_link
from customhouse.accounts.users import User, find_user_by_id
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS, Identity

Purpose = Literal["password", "handed", "verify", "change", "undo"]
"""Set a password, by mail or handed over by an operator; verify the account's address; confirm a new one; go back to
the old one."""
_STAMP = "account-link"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that works now: whose, what for, and the other address that it is about, if any."""

    id: str
    user: User
    purpose: Purpose
    email: str
    """The account's address when it was made."""
    target: str


@dataclass(frozen=True, slots=True)
class MakeLink:
    """A wish for a link of an account."""

    account_id: int
    purpose: Purpose
    life: timedelta
    target: str = ""


@dataclass(frozen=True, slots=True)
class MakePasswordLink:
    """A wish for a link that sets an account's password. ``mail`` sends it to the account's address."""

    user: User
    life: timedelta
    by: Identity = ANONYMOUS
    mail: bool = True


@dataclass(frozen=True, slots=True)
class SetPassword:
    """A new password, already hashed, and what entitles to set it: a link, or a session that proved the old one."""

    password_hash: str
    link: str | None = None
    user: User | None = None
    keep_session: str | None = None
    unchecked: str = ""
    """Why it was not compared with breached ones, if a list was there and did not answer."""


def link_text(key: ServerKey, link_id: str) -> str:
    """The whole link text for an id: what stands in the mail after ``/account/link/``."""
    return key.stamp(_STAMP, link_id)


def make_link(command: MakeLink, tx: Tx) -> str:
    """Make a link's row; returns its id."""
    link_id, now = new_id(), tx.now()
    row = tx.sql.execute(
        sa.select(account.c.email, account.c.password_changed_at).where(account.c.id == command.account_id)
    ).one()
    tx.sql.execute(
        account_link.insert().values(
            id=link_id,
            account_id=command.account_id,
            purpose=command.purpose,
            email=row.email,
            target=command.target,
            password_changed_at=row.password_changed_at,
            created_at=now,
            expires_at=now + command.life,
        )
    )
    return link_id


def read_link(key: ServerKey, sql: Connection, text: str, now: datetime, *purposes: Purpose) -> Link:
    """The link behind a text, if it works for one of these purposes; raises the same `Refused` (404) if it does not.

    A link dies when it is used, when it is too old, and when its account has another address or another password. Only
    an "undo" outlives those: whoever has stolen the account changes just them.
    """
    link_id = key.stamped(_STAMP, text)
    if link_id is None:
        raise dead_link()
    row = sql.execute(
        sa.select(account_link, account.c.email.label("now_email"), account.c.password_changed_at.label("now_changed"))
        .join(account, account.c.id == account_link.c.account_id)
        .where(account_link.c.id == link_id, account.c.frozen_at.is_(None))
    ).one_or_none()
    if row is None or row.purpose not in purposes or row.used_at is not None or row.expires_at <= now:
        raise dead_link()
    same = row.email == row.now_email and row.password_changed_at == row.now_changed
    if row.purpose != "undo" and not same:
        raise dead_link()
    return Link(link_id, find_user_by_id(sql, row.account_id), row.purpose, row.email, row.target)


def claim_link(key: ServerKey, tx: Tx, text: str, *purposes: Purpose) -> Link:
    """Use a link up; of two who try at once one hears that it is dead."""
    link = read_link(key, tx.sql, text, tx.now(), *purposes)
    claimed = tx.sql.execute(
        account_link.update()
        .where(account_link.c.id == link.id, account_link.c.used_at.is_(None))
        .values(used_at=tx.now())
    ).rowcount
    if not claimed:
        raise dead_link()
    return link


def end_links(tx: Tx, account_id: int, *purposes: Purpose) -> None:
    """Let every open link of these purposes die."""
    tx.sql.execute(
        account_link.update()
        .where(
            account_link.c.account_id == account_id,
            account_link.c.used_at.is_(None),
            account_link.c.purpose.in_(purposes),
        )
        .values(used_at=tx.now())
    )


def make_password_link(command: MakePasswordLink, tx: Tx) -> str:
    """Make the link's row, and its letter if it is to be sent; returns its id.

    None is made for a letter to an address that was given up because of its domain: the id is empty then.
    """
    if command.mail and hold_back(tx, command.user.id):
        return ""
    link_id = make_link(MakeLink(command.user.id, "password" if command.mail else "handed", command.life), tx)
    tx.record(PasswordLinkMade(command.by, None, user_id=str(command.user.id), link_id=link_id))
    email = tx.sql.execute(sa.select(account.c.email).where(account.c.id == command.user.id)).scalar_one()
    if command.mail and email:
        tx.later("mail", {"account_id": command.user.id, "template": "password-link", "values": {"link_id": link_id}})
    return link_id


def user_of_link(key: ServerKey, sql: Connection, text: str, now: datetime) -> tuple[User, str]:
    """Whose password the link sets, and the link's id; raises the same `Refused` (404) for every dead link."""
    link = read_link(key, sql, text, now, "password", "handed")
    return link.user, link.id


def set_password(key: ServerKey, command: SetPassword, tx: Tx) -> User:
    """Set a password; other sessions end, API tokens and second factors stay. By a link, no browser is known after it.

    The link that allowed it is used up. If it came by mail, the account's address is verified by that, unless somebody
    else has verified the same one, or it was given up because of its domain.
    """
    values: dict[str, object] = {"password_hash": command.password_hash, "password_changed_at": tx.now()}
    if command.link is not None:
        link = claim_link(key, tx, command.link, "password", "handed")
        user = link.user
        held = may_verify(tx.sql, user.id, link.email) is not None or holder_of(tx.sql, link.email, but=user.id)
        if link.purpose == "password" and not held:
            values["email_verified_at"] = tx.now()
        # Whoever guessed codes knew the old password.
        values["second_locked_at"] = None
    elif command.user is not None:
        user = command.user
    else:
        raise dead_link()
    tx.sql.execute(account.update().where(account.c.id == user.id).values(**values))
    end_sessions(tx, user.id, keep=command.keep_session)
    if command.link is not None:
        forget_places(tx, user.id)
    tx.record(PasswordSet(user.identity, None, user_id=str(user.id), by_link=command.link is not None))
    if command.unchecked:
        tx.record(PasswordUnchecked(user.identity, None, user_id=str(user.id), why=command.unchecked))
    return user


def dead_link() -> Refused:
    """What every link is answered that does not work, for whatever reason."""
    return Refused(
        "dead-link",
        "This link does not work: it was used, it is too old, or it is not whole.",
        "Ask for a new one at /account/reset/, or ask an operator.",
        status=404,
    )
