"""Security keys and passkeys of accounts: adding one, and being let in by one."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.factor_events import FactorAdded, KeyCounterWentBack
from customhouse.accounts.factors import lock_account, parse_label, refuse_too_many
from customhouse.accounts.lock_out import end_sessions
from customhouse.accounts.recovery_codes import refuse_without_codes
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account, second_factor
from customhouse.accounts.users import User
from customhouse.accounts.webauthn_ceremony import (
    Answer,
    NewKey,
    RelyingParty,
    not_right,
    user_handle,
    verify_assertion,
)
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

For = Literal["second", "passkey", "again"]


@dataclass(frozen=True, slots=True)
class AddKey:
    """A wish to prove oneself with a key that has been verified."""

    user: User
    key: NewKey
    label: str
    passkey: bool
    keep_session: str | None = None


@dataclass(frozen=True, slots=True)
class UseKey:
    """A key's answer. ``user`` is whose it must be; None for a passkey, which says whose it is."""

    answer: Answer
    party: RelyingParty
    user: User | None = None


def add_key(command: AddKey, tx: Tx) -> int:
    """Add the key; returns its factor's id. A key belongs to one account, once (A15). Other sessions end."""
    label = parse_label(command.label)
    lock_account(tx.sql, command.user.id)
    refuse_without_codes(tx.sql, command.user.id)
    refuse_too_many(tx.sql, command.user.id)
    row = insert_new(
        tx.sql, second_factor, account_id=command.user.id, method="webauthn", label=label, created_at=tx.now(),
        credential_id=command.key.credential_id, public_key=command.key.public_key,
        sign_count=command.key.sign_count, passkey=command.passkey,
    )  # fmt: skip
    if row is None:
        raise not_right("it is registered here already")
    end_sessions(tx, command.user.id, keep=command.keep_session)
    tx.record(
        FactorAdded(
            command.user.identity, None, user_id=str(command.user.id), factor_id=str(row.id), method="webauthn",
            label=label,
        )
    )  # fmt: skip
    return int(row.id)


def known_keys(sql: Connection, account_id: int) -> list[bytes]:
    """The identifiers of an account's keys."""
    mine = second_factor.c.account_id == account_id, second_factor.c.method == "webauthn"
    return list(sql.execute(sa.select(second_factor.c.credential_id).where(*mine)).scalars())


def public_key_of(sql: Connection, credential_id: bytes) -> bytes:
    """The public half of a key that is registered here, as COSE writes it."""
    wanted = second_factor.c.credential_id == credential_id
    found: bytes = sql.execute(sa.select(second_factor.c.public_key).where(wanted)).scalar_one()
    return found


def use_key(key: ServerKey, command: UseKey, tx: Tx) -> User:
    """Whose the key is that has signed; raises `Refused`, the same for every reason but a counter that went back.

    A passkey that signs in alone must have verified its user, and must name the account that it belongs to. The
    challenge has been claimed before.
    """
    alone = command.user is None
    columns = ("id", "account_id", "label", "public_key", "passkey")
    row = tx.sql.execute(
        sa.select(
            *(second_factor.c[column] for column in columns), account.c.name, account.c.frozen_at, account.c.site_role
        )
        .join(account, account.c.id == second_factor.c.account_id)
        .where(second_factor.c.credential_id == command.answer.credential_id, second_factor.c.method == "webauthn")
    ).one_or_none()
    if row is None or row.frozen_at is not None or (command.user is not None and row.account_id != command.user.id):
        raise not_right("it is not known here")
    handle = command.answer.user_handle
    if alone and (not row.passkey or handle is None):
        raise not_right("it is not known here")
    if handle is not None and not hmac.compare_digest(handle, user_handle(key, row.account_id)):
        raise not_right("it is not known here")
    count = verify_assertion(command.answer, command.party, row.public_key, verified=alone)
    user = User(row.account_id, row.name, frozen=False, site_role=row.site_role)
    counts_up = second_factor.c.sign_count < count if count else second_factor.c.sign_count == 0
    claimed = tx.sql.execute(
        second_factor.update().where(second_factor.c.id == row.id, counts_up).values(sign_count=count, used_at=tx.now())
    ).rowcount
    if not claimed:
        event = KeyCounterWentBack(
            user.identity, None, user_id=str(user.id), factor_id=str(row.id), label=row.label
        )  # fmt: skip
        raise Refused(
            "key-counter", "The key was not accepted: it counts less than the last time, so there may be a copy of it.",
            "Use another factor, and remove this key at /account/two-factor/.", records=(event,),
        )  # fmt: skip
    return user
