"""Recovery codes: eight of them, each good once, for the day when the phone is lost.

They are made before the first factor, and one must be typed to show that they were kept: an account with a factor and
without codes is a case for the operators (TOB-PYPI26). A code has 80 random bits, so a keyed hash is enough to keep it.
"""

from __future__ import annotations

import base64
import secrets
import unicodedata
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.factor_events import RecoveryCodesMade, RecoveryCodeUsed
from customhouse.accounts.lock_out import end_sessions
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account, recovery_code
from customhouse.accounts.users import User
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

COUNT = 8
CODE_BYTES = 10
_GROUP = 4
_LONGEST = 80
_LOOKS_LIKE = str.maketrans("018", "OIB")
"""Base 32 has none of these digits; who reads from paper takes them for the letters."""


@dataclass(frozen=True, slots=True)
class MakeCodes:
    """A wish for a new set of codes, which kills the one from before."""

    user: User
    keep_session: str | None = None


@dataclass(frozen=True, slots=True)
class UseCode:
    """A code that somebody typed, and what for: sign-in, custody or again."""

    user: User
    code: str
    purpose: str


@dataclass(frozen=True, slots=True)
class CodesLeft:
    """How the set of an account is."""

    left: int
    kept: bool
    """Whether one of the set was typed, so that its owner is known to have it."""


def make_codes(key: ServerKey, command: MakeCodes, tx: Tx) -> list[str]:
    """Make a set; returns its codes, which exist nowhere else. Other sessions end."""
    codes = [_new_code() for _ in range(COUNT)]
    tx.sql.execute(sa.select(account.c.id).where(account.c.id == command.user.id).with_for_update())
    tx.sql.execute(
        recovery_code.update()
        .where(recovery_code.c.account_id == command.user.id, recovery_code.c.replaced_at.is_(None))
        .values(replaced_at=tx.now())
    )
    rows = [
        {"account_id": command.user.id, "code_hash": hash_of_code(key, command.user.id, code), "created_at": tx.now()}
        for code in codes
    ]
    tx.sql.execute(recovery_code.insert(), rows)
    end_sessions(tx, command.user.id, keep=command.keep_session)
    tx.record(RecoveryCodesMade(command.user.identity, None, user_id=str(command.user.id), codes=COUNT))
    return codes


def use_code(key: ServerKey, command: UseCode, tx: Tx) -> bool:
    """Whether this is an unused code of the account's set. It is used up by that (A11)."""
    claimed = tx.sql.execute(
        recovery_code.update()
        .where(
            recovery_code.c.account_id == command.user.id,
            recovery_code.c.code_hash == hash_of_code(key, command.user.id, command.code),
            recovery_code.c.used_at.is_(None),
            recovery_code.c.replaced_at.is_(None),
        )
        .values(used_at=tx.now())
    ).rowcount
    if not claimed:
        return False
    left = codes_left(tx.sql, command.user.id).left
    identity = command.user.identity
    tx.record(RecoveryCodeUsed(identity, None, user_id=str(command.user.id), purpose=command.purpose, codes_left=left))
    return True


def codes_left(sql: Connection, account_id: int) -> CodesLeft:
    """How many codes of the account's set are unused, and whether it is known that the set was kept."""
    used = list(
        sql.execute(
            sa.select(recovery_code.c.used_at).where(
                recovery_code.c.account_id == account_id, recovery_code.c.replaced_at.is_(None)
            )
        ).scalars()
    )
    left = sum(1 for moment in used if moment is None)
    return CodesLeft(left, kept=left < len(used))


def refuse_without_codes(sql: Connection, account_id: int) -> None:
    """Raise `Refused` if the account has no recovery codes that are known to be kept."""
    if not codes_left(sql, account_id).kept:
        raise Refused(
            "no-recovery-codes", "First make recovery codes, and type one of them to show that you have kept them.",
            "Do that at /account/two-factor/.", status=409,
        )  # fmt: skip


def hash_of_code(key: ServerKey, account_id: int, code: str) -> str:
    """What the row keeps of a code. A recovery case compares it, too."""
    return key.mac("recovery-code", f"{account_id}\0{normalized(code)}").hex()


def normalized(text: str) -> str:
    """A code as it is compared: whatever the case, the spaces and the dashes."""
    plain = unicodedata.normalize("NFKC", text[:_LONGEST]).upper()
    return "".join(character for character in plain if character.isalnum()).translate(_LOOKS_LIKE)


def _new_code() -> str:
    letters = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower()
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))
