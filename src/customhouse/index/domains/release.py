"""What an operator decides: a domain that waits is lost or is not, a lost address is its holder's after all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from customhouse.accounts.lost_address import AddressVouchedFor, find_lost
from customhouse.accounts.tables import lost_address
from customhouse.accounts.users import User, find_user, refuse_unless_operator
from customhouse.index.domains.events import DomainSpared
from customhouse.index.domains.note import SPARED, GiveUp, give_up, turn
from customhouse.index.domains.tables import mail_domain
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class Decide:
    """An operator's word about a domain that waits: its addresses are given up, or it is spared for 30 days."""

    name: str
    lost: bool
    reason: str
    by: Actor = COMMAND_LINE


def decide(command: Decide, tx: Tx) -> int:
    """Do as the operator says; returns how many addresses were given up. The daily limit does not count them."""
    refuse_unless_operator(command.by)
    _require(command.reason)
    row = _waiting(tx, command.name)
    if command.lost:
        before = row.registered_at if row.reason == "registered-again" else None
        identity = command.by.as_operator
        addresses = give_up(
            GiveUp(row.name, row.reason, command.reason, before, by=identity, by_hand=True), tx
        )  # fmt: skip
        _set(tx, row, "lost", spared_until=None)
        return addresses
    _set(tx, row, "suspicious", spared_until=tx.now() + SPARED)
    tx.record(
        DomainSpared(command.by.as_operator, None, domain=row.name, reason=command.reason, days=SPARED.days)
    )  # fmt: skip
    return 0


@dataclass(frozen=True, slots=True)
class VouchForAddress:
    """An operator's word that a lost address belongs to the account's holder, whom he knows by other means."""

    user: str
    reason: str
    by: Actor = COMMAND_LINE


def vouch_for_address(command: VouchForAddress, tx: Tx) -> User:
    """Let a link verify the address again. It stays unverified until its holder follows one."""
    refuse_unless_operator(command.by)
    _require(command.reason)
    user = find_user(tx.sql, command.user)
    lost = find_lost(tx.sql, user.id)
    if lost is None:
        raise Refused("not-lost", f"The address of {user.name} was not given up.", status=409)
    tx.sql.execute(lost_address.update().where(lost_address.c.account_id == user.id).values(link_enough=True))
    tx.record(
        AddressVouchedFor(
            command.by.as_operator, None, user_id=str(user.id), name=user.name, domain=lost.domain,
            reason=command.reason,
        )
    )  # fmt: skip
    return user


def _waiting(tx: Tx, name: str) -> Any:
    row = tx.sql.execute(
        sa.select(mail_domain).where(mail_domain.c.name == name.lower()).with_for_update()
    ).one_or_none()
    if row is None:
        raise Refused("no-such-domain", f"No account has an address at {name[:80]!r}.", status=404)
    if row.state != "waiting":
        raise Refused("not-waiting", f"{row.name} does not wait for a decision.", status=409)
    return row


def _set(tx: Tx, row: Any, state: str, **values: object) -> None:
    turn(tx, row.name, state, row.reason)
    tx.sql.execute(
        mail_domain.update().where(mail_domain.c.name == row.name).values(state=state, since=tx.now(), **values)
    )


def _require(reason: str) -> None:
    if not reason.strip():
        raise Rejected("missing-field", "reason", "is empty", "why, for the ledger")
