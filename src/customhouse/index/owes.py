"""What an account owes the index before it may act in public: a verified address, and agreement to the terms of use."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from customhouse.accounts import emails, terms
from customhouse.accounts.users import User
from customhouse.index.publisher import Publisher
from customhouse.terms.errors import Refused


def address_verified(sql: Connection, publisher: Publisher) -> Refused | None:
    """Whoever has registered himself uploads when his address is verified."""
    return emails.unverified(sql, publisher.account_id)


def terms_agreed(sql: Connection, publisher: Publisher) -> Refused | None:
    """After the day that the operator has set, nobody uploads who has not agreed to the terms."""
    return terms.agreement_overdue(sql, publisher.account_id, publisher.now)


def refuse_unverified(sql: Connection, account_id: int | None) -> None:
    """Raise `Refused` for whoever has registered himself and not verified his address."""
    if account_id is not None and (refusal := emails.unverified(sql, account_id)) is not None:
        raise refusal


def refuse_unverified_guest(sql: Connection, guest: User) -> None:
    """Raise `Refused` for inviting somebody whose address is not verified: nobody knows yet who he is."""
    if emails.unverified(sql, guest.id) is not None:
        raise Refused(
            "guest-not-verified",
            f"{guest.name} has not verified the address of the account yet.",
            f"Ask {guest.name} to do so first.",
            status=409,
        )
