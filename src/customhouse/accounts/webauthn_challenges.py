"""Challenges for security keys and passkeys: good for five minutes, for one browser, for one purpose, once.

A challenge carries its own time and a signature of ours, so giving one out writes nothing; whoever asks for many fills
no table. Its row is written when it is used, and only one can write it.

A challenge for a **statement** holds the statement's SHA-256 besides, behind its time and nonce. The key signs that
with it: whoever has the key's answer and the statement can prove to anybody that this key has signed just that.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import used_challenge
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

LIFE = timedelta(minutes=5)
Purpose = Literal["add-key", "add-passkey", "second", "passkey", "again", "approve", "release"]
PURPOSES: tuple[Purpose, ...] = ("add-key", "add-passkey", "second", "passkey", "again", "approve", "release")
_TIME_BYTES, _NONCE_BYTES, _MAC_BYTES = 8, 16, 32
_STATED_BYTES = 32
_BYTES = _TIME_BYTES + _NONCE_BYTES + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a challenge is for: a purpose, and the hash of the cookie of one browser."""

    purpose: Purpose
    cookie_hash: str
    statement: str = ""
    """What is signed with it, if anything."""


def new_challenge(key: ServerKey, holder: Holder, now: datetime) -> bytes:
    """A challenge for this holder."""
    moment = int(now.timestamp() * 1000).to_bytes(_TIME_BYTES, "big")
    head = moment + secrets.token_bytes(_NONCE_BYTES) + _stated(holder.statement)
    return head + _mac(key, holder, head)


def states(challenge: bytes, statement: str) -> bool:
    """Whether a challenge was for just this statement, as anybody can see who knows neither of our secrets."""
    at = _TIME_BYTES + _NONCE_BYTES
    return len(challenge) == _BYTES + _STATED_BYTES and challenge[at : at + _STATED_BYTES] == _stated(statement)


@dataclass(frozen=True, slots=True)
class ClaimChallenge:
    """A challenge that came back."""

    challenge: bytes
    holder: Holder


def claim_challenge(key: ServerKey, command: ClaimChallenge, tx: Tx) -> None:
    """Use the challenge up. Raises the same `Refused` for one that is not ours, another's, too old, or used (A13)."""
    head, mac = command.challenge[:-_MAC_BYTES], command.challenge[-_MAC_BYTES:]
    stated = _stated(command.holder.statement)
    if len(command.challenge) != _BYTES + len(stated) or not head.endswith(stated):
        raise _stale()
    if not hmac.compare_digest(_mac(key, command.holder, head), mac):
        raise _stale()
    age = tx.now().timestamp() * 1000 - int.from_bytes(head[:_TIME_BYTES], "big")
    if age > LIFE.total_seconds() * 1000:
        raise _stale()
    digest = hashlib.sha256(command.challenge).hexdigest()
    if insert_new(tx.sql, used_challenge, challenge_hash=digest, used_at=tx.now()) is None:
        raise _stale()


def forget_old_challenges(sql: Connection, now: datetime) -> int:
    """Remove the rows of challenges that are too old anyway; running it again removes nothing."""
    return sql.execute(used_challenge.delete().where(used_challenge.c.used_at < now - 2 * LIFE)).rowcount


def _stated(statement: str) -> bytes:
    return hashlib.sha256(statement.encode()).digest() if statement else b""


def _mac(key: ServerKey, holder: Holder, head: bytes) -> bytes:
    return key.mac("webauthn-challenge", f"{holder.purpose}\0{holder.cookie_hash}\0".encode() + head)


def _stale() -> Refused:
    return Refused("stale-challenge", "This answer of the key is too old, or it was used before.", "Try once more.")
