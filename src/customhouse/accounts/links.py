"""Links in mails: one use, a few hours, bound to the address and the password of the moment they were made.

A link reads ``IDENTIFIER.SIGNATURE`` and its second half derives from the server's key, as an API token's does. So
neither a row nor a waiting mail holds anything that opens an account; the text is completed when the mail is written.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.events import PasswordLinkMade, PasswordSet
from customhouse.accounts.tables import account, account_link, session
from customhouse.accounts.tokens import ServerKey
from customhouse.accounts.users import User, find_user_by_id
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS, Identity

_LINK = re.compile(r"([a-z2-7]{26})\.([A-Za-z0-9_-]{43})", re.ASCII)


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


def link_text(key: ServerKey, link_id: str) -> str:
    """The whole link text for an id: what stands in the mail after ``/account/link/``."""
    mac = hmac.digest(key.secret, b"account-link\0" + link_id.encode(), hashlib.sha256)
    return f"{link_id}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def make_password_link(command: MakePasswordLink, tx: Tx) -> str:
    """Make the link's row; returns its id."""
    link_id = base64.b32encode(secrets.token_bytes(16)).rstrip(b"=").decode().lower()
    row = tx.sql.execute(
        sa.select(account.c.email, account.c.password_changed_at).where(account.c.id == command.user.id)
    ).one()
    tx.sql.execute(
        account_link.insert().values(
            id=link_id,
            account_id=command.user.id,
            purpose="password",
            email=row.email,
            password_changed_at=row.password_changed_at,
            created_at=tx.now(),
            expires_at=tx.now() + command.life,
        )
    )
    tx.record(PasswordLinkMade(command.by, None, user_id=str(command.user.id), link_id=link_id))
    if command.mail and row.email:
        tx.later("mail", {"account_id": command.user.id, "template": "password-link", "values": {"link_id": link_id}})
    return link_id


def user_of_link(key: ServerKey, sql: Connection, text: str, now: datetime) -> tuple[User, str]:
    """Whose password the link sets, and the link's id; raises the same `Refused` (404) for every dead link."""
    match = _LINK.fullmatch(text)
    if match is None or not hmac.compare_digest(link_text(key, match[1]), text):
        raise _dead_link()
    row = sql.execute(
        sa.select(account_link, account.c.email.label("now_email"), account.c.password_changed_at.label("now_changed"))
        .join(account, account.c.id == account_link.c.account_id)
        .where(account_link.c.id == match[1], account.c.frozen_at.is_(None))
    ).one_or_none()
    dead = row is None or row.used_at is not None or row.expires_at <= now
    if row is None or dead or row.email != row.now_email or row.password_changed_at != row.now_changed:
        raise _dead_link()
    return find_user_by_id(sql, row.account_id), match[1]


def set_password(key: ServerKey, command: SetPassword, tx: Tx) -> User:
    """Set a password. The link that allowed it is used up, its address counts as verified, and other sessions end."""
    values: dict[str, object] = {"password_hash": command.password_hash, "password_changed_at": tx.now()}
    if command.link is not None:
        user, link_id = user_of_link(key, tx.sql, command.link, tx.now())
        claimed = tx.sql.execute(
            account_link.update()
            .where(account_link.c.id == link_id, account_link.c.used_at.is_(None))
            .values(used_at=tx.now())
        ).rowcount
        if not claimed:
            raise _dead_link()
        values["email_verified_at"] = tx.now()
    elif command.user is not None:
        user = command.user
    else:
        raise _dead_link()
    tx.sql.execute(account.update().where(account.c.id == user.id).values(**values))
    gone = session.delete().where(session.c.account_id == user.id)
    if command.keep_session is not None:
        gone = gone.where(session.c.id_hash != command.keep_session)
    tx.sql.execute(gone)
    tx.record(PasswordSet(user.identity, None, user_id=str(user.id), by_link=command.link is not None))
    return user


def _dead_link() -> Refused:
    return Refused(
        "dead-link",
        "This link does not work: it was used, it is too old, or it is not whole.",
        "Ask for a new one at /account/reset/, or ask an operator.",
        status=404,
    )
