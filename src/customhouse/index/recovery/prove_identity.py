"""A linked identity, freshly proved: the person has just signed in at the other login, for this case and no other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from customhouse.accounts.linked import Claimed
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import linked_identity
from customhouse.index.recovery.accept import Given, accept
from customhouse.index.recovery.model import Case, host_root
from customhouse.ledger.tx import Tx

_STAMP = "recovery-errand"
WRONG = "That identity was not linked to the account of this case long before it was opened."


@dataclass(frozen=True, slots=True)
class ProveIdentity:
    """Who somebody has just shown to be at another login."""

    case: Case
    claimed: Claimed
    age: timedelta = timedelta(0)
    """So long before the case was opened it must have been linked."""


def errand(key: ServerKey, case: Case, browser: str) -> str:
    """What goes to the other login and back: which case it is for, and that this very browser has opened it.

    It holds no link, because the other login sees it. Without the browser in it, a stranger could send the owner to the
    login with his own case, and she would prove it for him.
    """
    return key.stamp(_STAMP, case.public_id, browser)


def case_of_errand(key: ServerKey, text: str, browser: str) -> str | None:
    """The public id of the case that a returning browser had set out for."""
    return key.stamped(_STAMP, text, browser)


def prove_identity(command: ProveIdentity, tx: Tx) -> bool:
    """Count it if it was linked to the account long before the case was opened; False if it does not count.

    It rests on the login's domain: a repository at the same forge is in the same hands.
    """
    claimed, case = command.claimed, command.case
    linked_at = tx.sql.execute(
        sa.select(linked_identity.c.linked_at).where(
            linked_identity.c.issuer == claimed.issuer, linked_identity.c.subject == claimed.subject,
            linked_identity.c.account_id == case.account_id,
        )
    ).scalar()  # fmt: skip
    right = linked_at is not None and linked_at < case.opened_at - command.age
    host = urlsplit(claimed.issuer).hostname or claimed.issuer
    how = (
        f"Signed in at {host} anew, in the browser that has opened the case; linked since long before."
        if right
        else WRONG
    )
    rests_on = frozenset({host_root(host)} if right else ())
    accept(tx, case.id, Given("identity", f"{claimed.name} at {host}", how, accepted=right, rests_on=rests_on))
    return right
