"""Codes from an app (TOTP, RFC 6238: SHA-1, six digits, 30 seconds), each good once.

What is kept of a code is its time step, not its text: nothing at or before the last accepted step is accepted again,
however it is spelled (A9, TOB-PYPI26-9). The seed lies sealed in the row.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime

import pyotp
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.factor_events import FactorAdded
from customhouse.accounts.factors import lock_account, parse_label, refuse_too_many
from customhouse.accounts.lock_out import end_sessions
from customhouse.accounts.recovery_codes import refuse_without_codes
from customhouse.accounts.seal import seal, unseal
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import second_factor
from customhouse.accounts.users import User
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Rejected

DIGITS = 6
STEP_SECONDS = 30
SEED_BYTES = 20
# RFC 6238, section 5.2: one step of delay for clocks that differ and people who type slowly.
WINDOW = (0, -1, 1)
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class EnrolTotp:
    """A wish to prove oneself with codes: the seed that the page has shown, and a code of it."""

    user: User
    seed: bytes
    code: str
    label: str
    keep_session: str | None = None


@dataclass(frozen=True, slots=True)
class GiveCode:
    """Somebody's code."""

    account_id: int
    code: str


def new_seed() -> bytes:
    """160 random bits, as RFC 4226 recommends."""
    return secrets.token_bytes(SEED_BYTES)


def normalized(text: str) -> str:
    """A code as it is compared: compatibility forms (full-width digits) made plain, nothing between the digits."""
    plain = unicodedata.normalize("NFKC", text[:_LONGEST])
    return "".join(character for character in plain if not character.isspace() and character not in "-\u200b\u2060")


def code_of(seed: bytes, step: int) -> str:
    """The code of one time step."""
    return _otp(seed).generate_otp(step)


def step_of(moment: datetime) -> int:
    """The time step of a moment."""
    return int(moment.timestamp()) // STEP_SECONDS


def matching_step(seed: bytes, text: str, now: datetime) -> int | None:
    """The time step in the window whose code this is, or None. Every step is compared, so that time tells nothing."""
    code = normalized(text)
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    found = None
    for offset in WINDOW:
        step = step_of(now) + offset
        if hmac.compare_digest(code_of(seed, step), code) and found is None:
            found = step
    return found


def otpauth_address(seed: bytes, *, issuer: str, account_name: str) -> str:
    """What the QR code says to an app."""
    return _otp(seed).provisioning_uri(name=account_name, issuer_name=issuer)


def base32_of(seed: bytes) -> str:
    """The seed for people without a camera."""
    return _otp(seed).secret


def enrol(key: ServerKey, command: EnrolTotp, tx: Tx) -> int:
    """Add the factor, if the code is right (A10); returns its id. The code is used up by that. Other sessions end."""
    label = parse_label(command.label)
    lock_account(tx.sql, command.user.id)
    refuse_without_codes(tx.sql, command.user.id)
    refuse_too_many(tx.sql, command.user.id)
    step = matching_step(command.seed, command.code, tx.now())
    # The same seed twice would let each code in twice.
    if step is None or command.seed in _seeds(key, tx.sql, command.user.id).values():
        raise wrong_code()
    factor_id = tx.sql.execute(
        second_factor.insert().values(
            account_id=command.user.id,
            method="totp",
            label=label,
            created_at=tx.now(),
            secret=seal(key, "totp-seed", str(command.user.id), command.seed),
            last_step=step,
        )
    ).inserted_primary_key[0]  # type: ignore[index] # one row was inserted
    end_sessions(tx, command.user.id, keep=command.keep_session)
    tx.record(
        FactorAdded(
            command.user.identity, None, user_id=str(command.user.id), factor_id=str(factor_id), method="totp",
            label=label,
        )
    )  # fmt: skip
    return int(factor_id)


def give_code(key: ServerKey, command: GiveCode, tx: Tx) -> bool:
    """Whether this is a fresh code of one of the account's apps. It is claimed: no step at or before it works again."""
    for factor_id, seed in _seeds(key, tx.sql, command.account_id).items():
        step = matching_step(seed, command.code, tx.now())
        if step is None:
            continue
        claimed = tx.sql.execute(
            second_factor.update()
            .where(second_factor.c.id == factor_id, second_factor.c.last_step < step)
            .values(last_step=step, used_at=tx.now())
        ).rowcount
        if claimed:
            return True
    return False


def _seeds(key: ServerKey, sql: Connection, account_id: int) -> dict[int, bytes]:
    """The seeds of an account by the ids of their factors."""
    rows = sql.execute(
        sa.select(second_factor.c.id, second_factor.c.secret)
        .where(second_factor.c.account_id == account_id, second_factor.c.method == "totp")
        .order_by(second_factor.c.id)
    )
    return {row.id: unseal(key, "totp-seed", str(account_id), row.secret) for row in rows}


def wrong_code() -> Rejected:
    """The same for a code that was never right and for one that was used."""
    return Rejected(
        "wrong-code", "code", "this is not the code of this moment", "the code that the app shows now, each only once"
    )


def _otp(seed: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(base64.b32encode(seed).decode(), digits=DIGITS, interval=STEP_SECONDS)
