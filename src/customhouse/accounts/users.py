"""Making accounts. In this first form an operator makes them on the command line; sign-in comes with the web."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.infra.db import insert_new
from customhouse.ledger.events import UserAdded
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import OPERATOR, Identity

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?", re.ASCII)
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

    @property
    def identity(self) -> Identity:
        """The user as the ledger names him."""
        return Identity("user", str(self.id), self.name)


def add_user(command: AddUser, tx: Tx) -> User:
    """Make an account under a free name; names that differ only in case are the same name.

    Raises `Rejected` for a malformed name or e-mail address, `Refused` for a name that is taken.
    """
    if not _NAME.fullmatch(command.name):
        raise Rejected(
            "bad-user-name", "name", f"{command.name!r} is not a user name",
            "1 to 50 ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit",
        )  # fmt: skip
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


def find_user(sql: Connection, name: str) -> User:
    """The account of that name, whatever its case; raises `Refused` if there is none."""
    row = sql.execute(
        sa.select(account.c.id, account.c.name, account.c.frozen_at).where(account.c.normalized == name.lower())
    ).one_or_none()
    if row is None:
        raise Refused(
            "no-such-user", f"There is no account named {name!r}.", "Make one with `customhouse user add`.", status=404
        )
    return User(row.id, row.name, row.frozen_at is not None)
