"""Another address for an account: at once, or after a while if the account owns protected projects."""

from __future__ import annotations

from datetime import timedelta

from customhouse.accounts.emails import ChangeAddress, change_address, confirm_address, undo_change, veiled
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.users import User
from customhouse.index.recovery.wishes import lapse_wishes
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.ledger.tx import Tx

UNDONE = "The old address has taken a change back in the meantime."


def undo_new_address(key: ServerKey, text: str, life: timedelta, tx: Tx) -> User:
    """Follow the link that was sent to the old address; another new address that still waits is not taken either."""
    user = undo_change(key, text, life, tx)
    lapse_wishes(tx, user.id, "address-changed", why=UNDONE)
    return user


def follow_new_address(key: ServerKey, text: str, tx: Tx) -> PendingChange | None:
    """Follow the link that was sent to a new address. None if the account has it now; otherwise what waits."""
    link = confirm_address(key, text, tx)
    waits = put_off(
        tx, "address-changed", about=link.user.id, by=link.user.actor, arguments={"email": link.target},
        sentence=f"the account {link.user.name} gets the address {veiled(link.target)}",
    )  # fmt: skip
    if waits is None:
        change_address(ChangeAddress(link.user.id, link.target), tx)
    return waits
