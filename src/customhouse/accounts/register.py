"""Making an account for oneself, where the operator lets people do so.

A user name is public, so it is said when one is taken. Whether somebody has an address already is not: an account is
made in any case, and the letter to that address says what is the matter. Such an account can do little until its
address is verified, and it never is while another account has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

from customhouse.accounts.breached import PasswordUnchecked
from customhouse.accounts.emails import AskVerification, refuse_prohibited, send_verification
from customhouse.accounts.limits import Limit
from customhouse.accounts.mail_address import MailAddress
from customhouse.accounts.registration_events import UserRegistered
from customhouse.accounts.tables import account
from customhouse.accounts.users import User, check_user_name, find_user
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

ALL_TOGETHER = Limit("registrations", 1000, timedelta(days=1))
"""From all networks: more in a day than an index of this size ever sees is an attack."""
OFFICES = (
    "admin", "administrator", "abuse", "anonymous", "customhouse", "hostmaster", "index", "me", "moderator", "nobody",
    "operator", "operators", "postmaster", "root", "security", "somebody", "staff", "support", "system", "webmaster",
    "__token__",
)  # fmt: skip
"""Names under which somebody could speak for the index (RFC 2142 and our own words)."""


@dataclass(frozen=True, slots=True)
class Register:
    """Somebody's wish for an account. The password is hashed already."""

    name: str
    email: MailAddress
    password_hash: str
    network: str
    life: timedelta
    """How long the link works that verifies the address."""
    prohibited_names: tuple[str, ...] = ()
    prohibited_domains: tuple[str, ...] = ()
    unchecked: str = ""
    """Why the password was not compared with breached ones."""


def register(command: Register, tx: Tx) -> User:
    """Make the account and send the letter."""
    check_user_name(command.name)
    refuse_name(command.name, command.prohibited_names)
    refuse_prohibited(command.email, command.prohibited_domains)
    made = insert_new(
        tx.sql,
        account,
        name=command.name,
        normalized=command.name.lower(),
        email=command.email.text,
        created_at=tx.now(),
        registered_at=tx.now(),
        password_hash=command.password_hash,
        password_changed_at=tx.now(),
    )
    if made is None:
        raise _taken(command.name)
    user = find_user(tx.sql, command.name)
    tx.record(
        UserRegistered(user.identity, None, user_id=str(user.id), name=user.name, network=command.network)
    )  # fmt: skip
    if command.unchecked:
        tx.record(PasswordUnchecked(user.identity, None, user_id=str(user.id), why=command.unchecked))
    send_verification(AskVerification(user, command.life), tx)
    return user


def refuse_name(name: str, prohibited: Sequence[str]) -> None:
    """Raise `Refused` for a name that nobody shall have; it is answered like one that is taken."""
    wanted = name.lower()
    if wanted in OFFICES or any(fnmatchcase(wanted, pattern.lower()) for pattern in prohibited):
        raise _taken(name)


def _taken(name: str) -> Refused:
    return Refused("user-exists", f"The name {name!r} is taken.", "Choose another one.", status=409)
