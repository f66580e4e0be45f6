"""How often somebody may fail to sign in (A1, A8). Only failures count; while limited, a right answer is not heard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.factor_events import SecondStepFailed, SecondStepLocked
from customhouse.accounts.limits import Counted, Limit, network_of
from customhouse.accounts.tables import account
from customhouse.accounts.users import User
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

FIVE_MINUTES = timedelta(minutes=5)
OF_ACCOUNT = Limit("sign-in-account", 10, FIVE_MINUTES)
OF_NETWORK = Limit("sign-in-network", 10, FIVE_MINUTES)
OF_ALL = Limit("sign-in-all", 1000, FIVE_MINUTES)
OF_SESSION = Limit("again-account", 10, FIVE_MINUTES)
SECOND = (Limit("second-5-min", 5, FIVE_MINUTES), Limit("second-hour", 20, timedelta(hours=1)))
SECOND_DAY = Limit("second-day", 50, timedelta(days=1))
BROWSER_MAIL = Limit("browser-mail", 10, timedelta(hours=1))
"""Somebody who knows a password makes us write no more letters than this."""
TOO_MANY = "Too many wrong answers, for this account or from your network."
TOO_MANY_CODES = "Too many wrong codes for this account."
TOO_MANY_LETTERS = "Too many letters about new browsers were sent for this account."


def password_limits(whom: str, address: str) -> tuple[Counted, ...]:
    """What one try of a password counts against. ``whom`` is an account's id, or what was typed if there is none."""
    return Counted(OF_ACCOUNT, whom), Counted(OF_NETWORK, network_of(address)), Counted(OF_ALL)


def key_limits(address: str) -> tuple[Counted, ...]:
    """What one answer of a key counts against. Nobody guesses one, so what strangers send stops nobody else's."""
    return (Counted(OF_NETWORK, network_of(address)),)


def again_limits(user: User, session_hash: str) -> tuple[Counted, ...]:
    """What the password of somebody who is signed in counts against: what strangers fill does not keep him out."""
    return (Counted(OF_SESSION, f"{user.id} {session_hash}"),)


def code_limits(user: User) -> tuple[Counted, ...]:
    """What one typed code counts against, whichever session it comes from; the day's limit stands apart."""
    return tuple(Counted(limit, str(user.id)) for limit in SECOND)


def day_limit(user: User) -> Counted:
    """The limit after which no code is taken any more."""
    return Counted(SECOND_DAY, str(user.id))


def second_limits(user: User) -> tuple[Counted, ...]:
    """All that counts typed codes; whoever is unlocked begins anew with each of them."""
    return *code_limits(user), day_limit(user)


@dataclass(frozen=True, slots=True)
class Failure:
    """A wrong second proof."""

    user: User
    network: str
    by: str
    why: str = "wrong"


def note_failure(command: Failure, tx: Tx) -> None:
    """Record that somebody who knows the password has failed."""
    identity = command.user.identity
    tx.record(
        SecondStepFailed(
            identity, None, user_id=str(command.user.id), network=command.network, by=command.by, why=command.why
        )
    )  # fmt: skip


def lock(command: Failure, tx: Tx) -> None:
    """Take no typed code any more, until the password is set by a link, or an operator says so. Once."""
    locked = tx.sql.execute(
        account.update()
        .where(account.c.id == command.user.id, account.c.second_locked_at.is_(None))
        .values(second_locked_at=tx.now())
    ).rowcount
    if locked:
        identity = command.user.identity
        tx.record(SecondStepLocked(identity, None, user_id=str(command.user.id), network=command.network))


def refuse_if_locked(sql: Connection, account_id: int) -> None:
    """Raise `Refused` if the account takes no typed codes."""
    if sql.execute(sa.select(account.c.second_locked_at).where(account.c.id == account_id)).scalar_one() is not None:
        raise locked_out()


def locked_out() -> Refused:
    """No code is taken."""
    return Refused(
        "second-step-locked", "After too many wrong codes this account takes no more of them.",
        "Use a security key, or set another password by a link in a mail at /account/reset/.",
    )  # fmt: skip
