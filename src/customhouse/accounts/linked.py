"""Linked identities: who somebody is at another login (OpenID Connect) that the operator has named.

Only the issuer, the subject and a name to show are kept, and when he last came from there; no token of theirs is. A
linked identity is a first step like a password, so the second factor is asked for all the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.linked_events import IdentityLinked, IdentityProved, IdentityUnlinked
from customhouse.accounts.tables import account, linked_identity, oidc_return
from customhouse.accounts.users import User, find_user_by_id
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

MOST_LINKED = 10


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who an issuer says somebody is, checked, and the state that he came with."""

    issuer: str
    subject: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class LinkIdentity:
    """Somebody's wish that this identity stand for his account."""

    user: User
    claimed: Claimed
    title: str


@dataclass(frozen=True, slots=True)
class Unlink:
    """Somebody's wish that one of his identities stand for him no longer."""

    user: User
    linked_id: int


@dataclass(frozen=True, slots=True)
class Prove:
    """Somebody has come from an issuer, to sign in or for a case of recovery."""

    claimed: Claimed
    purpose: str


@dataclass(frozen=True, slots=True)
class LinkedRow:
    """A linked identity as its owner sees it in a list."""

    id: int
    issuer: str
    name: str
    linked_at: datetime
    proved_at: datetime


def link_identity(command: LinkIdentity, tx: Tx) -> None:
    """Link an identity to an account. One that stands for another account is refused; the same again is no fault."""
    claimed, user = command.claimed, command.user
    use_up(claimed.state, tx)
    there = tx.sql.execute(_find(claimed.issuer, claimed.subject)).one_or_none()
    if there is not None and there.account_id != user.id:
        raise Refused(
            "identity-taken", "This identity stands for another account here.", "Link another one.", status=409
        )
    if there is not None:
        return
    if len(linked_of(tx.sql, user.id)) >= MOST_LINKED:
        raise Refused("too-many-identities", f"At most {MOST_LINKED} identities can be linked.", "Unlink one first.")
    tx.sql.execute(
        linked_identity.insert().values(
            account_id=user.id,
            issuer=claimed.issuer,
            subject=claimed.subject,
            name=claimed.name,
            linked_at=tx.now(),
            proved_at=tx.now(),
        )
    )
    tx.record(
        IdentityLinked(
            user.identity, None, user_id=str(user.id), issuer=claimed.issuer, title=command.title, name=claimed.name
        )
    )


def unlink(command: Unlink, tx: Tx) -> None:
    """Unlink one identity. Somebody else's is answered like one that does not exist."""
    mine = linked_identity.c.id == command.linked_id, linked_identity.c.account_id == command.user.id
    row = tx.sql.execute(sa.select(linked_identity.c.issuer, linked_identity.c.name).where(*mine)).one_or_none()
    if row is None or not tx.sql.execute(linked_identity.delete().where(*mine)).rowcount:
        raise Refused("no-such-identity", "You have linked no such identity.", status=404)
    tx.record(
        IdentityUnlinked(
            command.user.identity, None, user_id=str(command.user.id), issuer=row.issuer, name=row.name
        )
    )  # fmt: skip


def unlink_since(tx: Tx, user: User, since: datetime) -> None:
    """Unlink whatever was linked to an account since then: somebody else may have linked it."""
    young = linked_identity.c.account_id == user.id, linked_identity.c.linked_at >= since
    for linked_id in tx.sql.execute(sa.select(linked_identity.c.id).where(*young)).scalars().all():
        unlink(Unlink(user, linked_id), tx)


def prove(command: Prove, tx: Tx) -> User:
    """Note that somebody has come from an issuer; returns whose account that is.

    Raises `Refused` alike for an identity that is linked to nobody or to a frozen account.
    """
    claimed = command.claimed
    use_up(claimed.state, tx)
    row = tx.sql.execute(_find(claimed.issuer, claimed.subject)).one_or_none()
    if row is None or row.frozen_at is not None:
        raise Refused(
            "not-linked", "This identity stands for no account here that you could use.",
            "Sign in with your password and link it on the page of your account.",
        )  # fmt: skip
    tx.sql.execute(linked_identity.update().where(linked_identity.c.id == row.id).values(proved_at=tx.now()))
    user = find_user_by_id(tx.sql, row.account_id)
    tx.record(
        IdentityProved(
            user.identity, None, user_id=str(user.id), issuer=claimed.issuer, purpose=command.purpose
        )
    )  # fmt: skip
    return user


def linked_of(sql: Connection, account_id: int) -> list[LinkedRow]:
    """The identities that stand for an account, oldest first."""
    columns = (
        linked_identity.c.id, linked_identity.c.issuer, linked_identity.c.name, linked_identity.c.linked_at,
        linked_identity.c.proved_at,
    )  # fmt: skip
    rows = sql.execute(sa.select(*columns).where(linked_identity.c.account_id == account_id).order_by(columns[0]))
    return [LinkedRow(*row) for row in rows]


def use_up(state: str, tx: Tx) -> None:
    """Use a state; raises `Refused` the second time."""
    if insert_new(tx.sql, oidc_return, state_hash=hashlib.sha256(state.encode()).hexdigest(), at=tx.now()) is None:
        raise Refused("used-return", "This return from the other login was used already.", "Begin again.")


def forget_old_returns(sql: Connection, now: datetime, life: timedelta) -> int:
    """Remove used states that are too old to come again; running it again removes nothing."""
    return sql.execute(oidc_return.delete().where(oidc_return.c.at < now - 2 * life)).rowcount


def _find(issuer: str, subject: str) -> sa.Select[tuple[int, int, datetime | None]]:
    return (
        sa.select(linked_identity.c.id, linked_identity.c.account_id, account.c.frozen_at)
        .join(account, account.c.id == linked_identity.c.account_id)
        .where(linked_identity.c.issuer == issuer, linked_identity.c.subject == subject)
    )
