"""Addresses whose domain has lapsed: nothing that opens the account is sent there (incident of May 2022, attack A33).

A domain that nobody renews is for sale, and its next holder reads all that is sent to it. So when the daily look finds
a domain lost, its addresses are verified no longer, and a row here says why. The row speaks as long as the account has
that very address and has not verified it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, account_link, lost_address
from customhouse.infra.db import put_rows
from customhouse.ledger.events import Event
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS, Identity

Reason = Literal["redemption", "gone", "no-mail", "registered-again"]
REASONS: dict[Reason, str] = {
    "redemption": "the registration of its domain has run out and was not renewed",
    "gone": "its domain no longer exists",
    "no-mail": "its domain takes no mail any more",
    "registered-again": "its domain was registered anew after the address was verified, perhaps by somebody else",
}
SAY_AGAIN_AFTER = timedelta(days=1)
"""How often at most it is noted that a letter was held back: whoever knows a name can ask for one."""


@dataclass(frozen=True, slots=True)
class EmailUnverified(Event):
    """An account's address counts as nobody's proof any more, and no link goes there."""

    kind: ClassVar[str] = "email-unverified"
    user_id: str
    name: str
    domain: str
    reason: str


@dataclass(frozen=True, slots=True)
class LinkWithheld(Event):
    """Somebody asked for a link that opens an account, and it would have gone to a lost address."""

    kind: ClassVar[str] = "link-withheld"
    user_id: str
    name: str
    domain: str
    reason: str


@dataclass(frozen=True, slots=True)
class AddressVouchedFor(Event):
    """An operator says that a lost address belongs to the account's holder after all; a link may verify it again."""

    kind: ClassVar[str] = "address-vouched-for"
    user_id: str
    name: str
    domain: str
    reason: str


@dataclass(frozen=True, slots=True)
class LostAddress:
    """An account's address that its domain has taken along."""

    email: str
    domain: str
    reason: Reason
    lost_at: datetime
    known_at: datetime
    link_enough: bool
    """Whether a link that arrives there proves again what it proved before."""

    @property
    def because(self) -> str:
        """Why, as the rest of a sentence."""
        return REASONS[self.reason]


_LOST = (
    sa.select(lost_address)
    .join(account, account.c.id == lost_address.c.account_id)
    .where(
        lost_address.c.account_id == sa.bindparam("account"),
        account.c.email == lost_address.c.email,
        account.c.email_verified_at.is_(None),
    )
)


def find_lost(sql: Connection, account_id: int) -> LostAddress | None:
    """What is known if the account's address is lost; None if it is not."""
    row = sql.execute(_LOST, {"account": account_id}).one_or_none()
    return _lost(row) if row is not None else None


def may_verify(sql: Connection, account_id: int, email: str) -> Refused | None:
    """A link proves who reads a mailbox, not that he is the one who read it before.

    So an address at a domain that was, or may have been, registered by somebody else is not verified by a link alone:
    an operator must vouch for it first. Any other address may be verified as ever.
    """
    row = sql.execute(
        sa.select(lost_address).where(lost_address.c.account_id == account_id, lost_address.c.email == email)
    ).one_or_none()
    if row is None or row.link_enough:
        return None
    return Refused(
        "lost-address",
        f"This address was given up because {REASONS[_reason(row.reason)]}; a letter there does not show that it is "
        "still yours.",
        "Give another address, or ask an operator of this index to vouch for this one.",
    )


@dataclass(frozen=True, slots=True)
class LoseAddress:
    """One account's address is lost."""

    account_id: int
    domain: str
    reason: Reason
    by: Identity
    by_hand: bool = False


def lose_address(command: LoseAddress, tx: Tx) -> bool:
    """Let the address count as verified no longer; every open link that was sent there is dead.

    The account's other ways in stay as they are. False if the address was lost already.
    """
    row = tx.sql.execute(
        sa.select(account.c.name, account.c.email, account.c.email_verified_at, account.c.created_at)
        .where(account.c.id == command.account_id)
        .with_for_update()
    ).one()
    if find_lost(tx.sql, command.account_id) is not None:
        return False
    values = {
        "account_id": command.account_id, "email": row.email, "domain": command.domain, "reason": command.reason,
        "lost_at": tx.now(), "known_at": row.email_verified_at or row.created_at, "by_hand": command.by_hand,
        "link_enough": False, "withheld_at": None,
    }  # fmt: skip
    put_rows(tx.sql, lost_address, [values])
    tx.sql.execute(account.update().where(account.c.id == command.account_id).values(email_verified_at=None))
    tx.sql.execute(
        account_link.update()
        .where(account_link.c.account_id == command.account_id, account_link.c.used_at.is_(None))
        .values(used_at=tx.now())
    )
    tx.record(
        EmailUnverified(
            command.by, None, user_id=str(command.account_id), name=row.name, domain=command.domain,
            reason=command.reason,
        )
    )  # fmt: skip
    return True


def hold_back(tx: Tx, account_id: int) -> bool:
    """Whether a letter that opens the account must not be written, because its address is lost.

    Whoever asks hears the same as always. Operators and co-owners hear of it, once a day at most. The account's row is
    locked, so that no link is made while the address is being lost.
    """
    name = tx.sql.execute(sa.select(account.c.name).where(account.c.id == account_id).with_for_update()).scalar_one()
    lost = find_lost(tx.sql, account_id)
    if lost is None:
        return False
    told = lost_address.c.withheld_at
    noted = tx.sql.execute(
        lost_address.update()
        .where(
            lost_address.c.account_id == account_id, sa.or_(told.is_(None), told <= tx.now() - SAY_AGAIN_AFTER)
        )
        .values(withheld_at=tx.now())
    ).rowcount  # fmt: skip
    if noted:
        tx.record(
            LinkWithheld(
                ANONYMOUS, None, user_id=str(account_id), name=name, domain=lost.domain, reason=lost.reason
            )
        )  # fmt: skip
    return True


def _lost(row: Any) -> LostAddress:
    return LostAddress(row.email, row.domain, _reason(row.reason), row.lost_at, row.known_at, row.link_enough)


def _reason(text: str) -> Reason:
    return next((one for one in REASONS if one == text), "gone")
