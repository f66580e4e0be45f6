"""Another address for an account: at once, or after a while if the account owns protected projects."""

from __future__ import annotations

from customhouse.accounts.emails import ChangeAddress, change_address, confirm_address, veiled
from customhouse.accounts.tokens import ServerKey
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.ledger.tx import Tx


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
