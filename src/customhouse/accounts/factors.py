"""Which second factors accounts have, and what changes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.factor_events import FactorRemoved, FactorRenamed, SecondStepUnlocked
from customhouse.accounts.lock_out import end_sessions
from customhouse.accounts.sessions import ProvedBy
from customhouse.accounts.tables import account, second_factor
from customhouse.accounts.users import User, find_user, refuse_unless_operator
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity

Method = Literal["totp", "webauthn"]
METHODS: tuple[Method, ...] = ("webauthn", "totp")
"""The strongest first: WebAuthn is bound to our origin, so it cannot be phished."""
LABEL_LENGTH = 60
MOST = 20
"""As many factors one account may have."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor as its owner sees it."""

    id: int
    method: Method
    label: str
    created_at: datetime
    used_at: datetime | None
    passkey: bool


@dataclass(frozen=True, slots=True)
class RemoveFactor:
    """A wish that a second factor of an account works no longer.

    ``must_keep`` is the reason why the account may not be left without one; empty if it may.
    """

    account_id: int
    factor_id: int
    by: Identity
    must_keep: str = ""
    keep_session: str | None = None


@dataclass(frozen=True, slots=True)
class RenameFactor:
    """A wish that a second factor is called something else."""

    account_id: int
    factor_id: int
    label: str
    by: Identity


def methods_of(sql: Connection, account_ids: Collection[int]) -> Mapping[int, frozenset[Method]]:
    """The methods by account; who has none is left out. Recovery codes are no method of their own."""
    found: dict[int, set[Method]] = {}
    rows = sql.execute(
        sa.select(second_factor.c.account_id, second_factor.c.method)
        .where(second_factor.c.account_id.in_(account_ids))
        .distinct()
    )
    for account_id, method in rows:
        found.setdefault(account_id, set()).add(method)
    return {account_id: frozenset(methods) for account_id, methods in found.items()}


def has_second_factor(sql: Connection, account_id: int) -> bool:
    """Whether a password alone opens nothing of this account."""
    return account_id in methods_of(sql, [account_id])


def strongest_of(sql: Connection, account_id: int) -> Method | None:
    """The strongest method of an account, or None if it has none."""
    methods = methods_of(sql, [account_id]).get(account_id, frozenset())
    return next((method for method in METHODS if method in methods), None)


def is_strong_enough(strongest: Method | None, proved_by: ProvedBy) -> bool:
    """Whether a proof opens the dangerous pages: by the account's strongest factor, or any proof if it has none.

    A recovery code stands in for the strongest one, because that is what it is kept for.
    """
    return strongest is None or proved_by in (strongest, "recovery-code")


def factors_of(sql: Connection, account_id: int) -> list[Factor]:
    """Every second factor of an account, the oldest first."""
    columns = ("id", "method", "label", "created_at", "used_at", "passkey")
    rows = sql.execute(
        sa.select(*(second_factor.c[column] for column in columns))
        .where(second_factor.c.account_id == account_id)
        .order_by(second_factor.c.created_at, second_factor.c.id)
    )
    return [Factor(*row) for row in rows]


def lock_account(sql: Connection, account_id: int) -> None:
    """Keep rivals who change the same account waiting until we have committed."""
    sql.execute(sa.select(account.c.id).where(account.c.id == account_id).with_for_update())


def remove_factor(command: RemoveFactor, tx: Tx) -> Factor:
    """Remove a second factor; every other session of the account ends.

    Raises `Refused` if it is not there, or if it is the last one of an account that must keep one (A16).
    """
    lock_account(tx.sql, command.account_id)
    all_of_them = factors_of(tx.sql, command.account_id)
    gone = next((factor for factor in all_of_them if factor.id == command.factor_id), None)
    if gone is None:
        raise no_such_factor()
    if command.must_keep and len(all_of_them) == 1:
        raise Refused("last-factor", command.must_keep, "Add another factor first, then remove this one.", status=409)
    tx.sql.execute(second_factor.delete().where(second_factor.c.id == gone.id))
    end_sessions(tx, command.account_id, keep=command.keep_session)
    tx.record(
        FactorRemoved(
            command.by, None, user_id=str(command.account_id), factor_id=str(gone.id), method=gone.method,
            label=gone.label,
        )
    )  # fmt: skip
    return gone


def rename_factor(command: RenameFactor, tx: Tx) -> None:
    """Call a second factor something else."""
    label = parse_label(command.label)
    renamed = tx.sql.execute(
        second_factor.update()
        .where(second_factor.c.id == command.factor_id, second_factor.c.account_id == command.account_id)
        .values(label=label)
    ).rowcount
    if not renamed:
        raise no_such_factor()
    tx.record(
        FactorRenamed(
            command.by, None, user_id=str(command.account_id), factor_id=str(command.factor_id), label=label
        )
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unlock:
    """An operator's wish that typed codes work again for an account."""

    user: str
    by: Actor = COMMAND_LINE


def unlock(command: Unlock, tx: Tx) -> User:
    """Let typed codes work again after too many wrong ones; harmless if they do. Their limits are the caller's."""
    refuse_unless_operator(command.by)
    user = find_user(tx.sql, command.user)
    tx.sql.execute(account.update().where(account.c.id == user.id).values(second_locked_at=None))
    tx.record(SecondStepUnlocked(command.by.as_operator, None, user_id=str(user.id)))
    return user


def parse_label(text: str) -> str:
    """A factor's name; raises `Rejected` for one that is empty or too long."""
    label = " ".join(text.split())
    if not 0 < len(label) <= LABEL_LENGTH or not label.isprintable():
        raise Rejected("bad-label", "label", f"{label[:80]!r} is no name for it", f"1 to {LABEL_LENGTH} characters")
    return label


def refuse_too_many(sql: Connection, account_id: int) -> None:
    """Raise `Refused` if the account has as many factors as an account may have."""
    if len(factors_of(sql, account_id)) >= MOST:
        raise Refused("too-many-factors", f"An account has at most {MOST} factors.", "Remove one first.", status=409)


def no_such_factor() -> Refused:
    """The same for what never was and for what is somebody else's."""
    return Refused("no-such-factor", "You have no such factor.", "See /account/two-factor/.", status=404)
