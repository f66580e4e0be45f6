"""Accounts: an operator makes them, freezes them and says who runs the index. People set their own passwords."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.events import AccountFrozen, AccountThawed, SiteRoleSet
from customhouse.accounts.lock_out import end_sessions
from customhouse.accounts.tables import account
from customhouse.infra.db import insert_new
from customhouse.ledger.events import UserAdded
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, OPERATOR, Actor, Identity, SiteRole

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?", re.ASCII)
_USER = sa.select(account.c.id, account.c.name, account.c.frozen_at, account.c.site_role)
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")


@dataclass(frozen=True, slots=True)
class AddUser:
    """An operator's wish for a new account."""

    name: str
    email: str = ""
    operator: Identity = OPERATOR


@dataclass(frozen=True, slots=True)
class User:
    """An account as the rules see it."""

    id: int
    name: str
    frozen: bool
    site_role: SiteRole = ""

    @property
    def identity(self) -> Identity:
        """The user as the ledger names him."""
        return Identity("user", str(self.id), self.name)

    @property
    def actor(self) -> Actor:
        """The user as somebody who wants something done."""
        return Actor(self.identity, self.id, operator=self.site_role == "operator")


def add_user(command: AddUser, tx: Tx) -> User:
    """Make an account under a free name; names that differ only in case are the same name.

    Raises `Rejected` for a malformed name or e-mail address, `Refused` for a name that is taken.
    """
    check_user_name(command.name)
    if command.email and not _EMAIL.fullmatch(command.email):
        raise Rejected("bad-email", "email", f"{command.email!r} is not an e-mail address", "name@domain")
    normalized = command.name.lower()
    new = insert_new(
        tx.sql, account, name=command.name, normalized=normalized, email=command.email, created_at=tx.now()
    )
    if not new:
        raise Refused("user-exists", f"There is an account named {command.name!r} already.", status=409)
    user = find_user(tx.sql, command.name)
    tx.record(UserAdded(command.operator, None, user_id=str(user.id), name=user.name))
    return user


def check_user_name(name: str) -> None:
    """Raise `Rejected` for what is no user name."""
    if not _NAME.fullmatch(name):
        raise Rejected(
            "bad-user-name", "name", f"{name!r} is not a user name",
            "1 to 50 ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit",
        )  # fmt: skip


def find_user(sql: Connection, name: str) -> User:
    """The account of that name, whatever its case; raises `Refused` if there is none."""
    row = sql.execute(_USER.where(account.c.normalized == name.lower())).one_or_none()
    if row is None:
        raise Refused(
            "no-such-user", f"There is no account named {name!r}.", "Make one with `customhouse user add`.", status=404
        )
    return _user(row)


def find_user_by_id(sql: Connection, account_id: int) -> User:
    """The account with that id; raises `LookupError` if there is none, because ids come from our own rows."""
    row = sql.execute(_USER.where(account.c.id == account_id)).one_or_none()
    if row is None:
        raise LookupError(account_id)
    return _user(row)


def _user(row: Any) -> User:
    return User(row.id, row.name, row.frozen_at is not None, row.site_role)


@dataclass(frozen=True, slots=True)
class SetSiteRole:
    """An operator's wish that an account be operator, support or neither."""

    user: str
    role: str
    by: Actor = COMMAND_LINE


def set_site_role(command: SetSiteRole, tx: Tx) -> User:
    """Say who runs the index. Only an operator may; every change is an event, and all sessions of the account end."""
    if command.role not in ("", "support", "operator"):
        raise Rejected("bad-site-role", "role", f"{command.role!r} is no role", "operator, support, or none")
    refuse_unless_operator(command.by)
    user = find_user(tx.sql, command.user)
    tx.sql.execute(account.update().where(account.c.id == user.id).values(site_role=command.role))
    end_sessions(tx, user.id)
    tx.record(
        SiteRoleSet(
            command.by.as_operator, None, user_id=str(user.id), name=user.name, role=command.role, before=user.site_role
        )
    )
    return user


@dataclass(frozen=True, slots=True)
class Freeze:
    """An operator's wish that an account can do nothing, or that it can again."""

    user: str
    reason: str
    thaw: bool = False
    by: Actor = COMMAND_LINE


def freeze(command: Freeze, tx: Tx) -> User:
    """Freeze or thaw an account. Frozen, it has no sessions, and neither passwords nor tokens let it in."""
    refuse_unless_operator(command.by)
    user = find_user(tx.sql, command.user)
    if command.thaw and tx.sql.execute(sa.select(account.c.closed_at).where(account.c.id == user.id)).scalar():
        raise Refused("closed", f"The account {user.name!r} was closed by its owner, for ever.", status=409)
    frozen_at = None if command.thaw else tx.now()
    tx.sql.execute(account.update().where(account.c.id == user.id).values(frozen_at=frozen_at))
    end_sessions(tx, user.id)
    event = AccountThawed if command.thaw else AccountFrozen
    tx.record(event(command.by.as_operator, None, user_id=str(user.id), name=user.name, reason=command.reason))
    return user


def refuse_unless_operator(actor: Actor) -> None:
    """Raise `Refused` for anybody who does not run this index."""
    if not actor.operator:
        raise Refused("not-an-operator", "Only an operator of this index may do that.", "Ask one.")
