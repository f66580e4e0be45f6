"""What happened to one account, for its owner: who signed in, from where, and every change of what lets him in.

A follower of the ledger notes for each account which events are about it, so that showing them does not read the whole
ledger. A new follower begins at the head: what happened before this version stands in the ledger alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account_event
from customhouse.ledger.chain import Entry
from customhouse.ledger.tables import ledger_event
from customhouse.terms.numbers import number_of

KINDS = frozenset(
    {
        "user-added", "user-registered", "signed-in", "sign-in-begun", "sign-in-failed", "signed-out",
        "password-proved", "password-link-made", "password-set", "password-unchecked", "breached-sign-in",
        "reset-withheld", "address-link-made", "address-verified", "address-change-asked", "address-changed",
        "address-change-undone", "email-unverified", "address-vouched-for", "link-withheld", "identity-linked",
        "identity-unlinked", "identity-proved", "terms-accepted", "token-created", "token-revoked", "site-role-set",
        "account-frozen", "account-thawed", "mail-preference-set", "browser-confirmed", "browsers-forgotten",
        "factor-added", "factor-removed", "factor-renamed", "key-counter-went-back", "recovery-code-used",
        "recovery-codes-made", "second-step-failed", "second-step-locked", "second-step-unlocked",
        "account-tokens-revoked", "token-leaked", "token-mass-revoked", "token-used-revoked", "change-put-off",
        "change-contested", "change-withdrawn", "change-applied", "recovery-opened", "recovery-announced",
        "recovery-approved", "recovery-contested", "recovery-completed", "pending-publisher-added",
        "pending-publisher-contested", "pending-publisher-ended",
    }
)  # fmt: skip
"""What concerns an account itself. What its owner does to projects stands in their ledgers."""
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Happened:
    """One event as the account's owner sees it."""

    entry: Entry
    network: str
    mine: bool
    """Whether the account itself did it, as far as its password and tokens can tell."""


def note_event(sql: Connection, entry: Entry) -> None:
    """Note whose account an event is about: the one that did it, and the one that it names."""
    if entry.kind not in KINDS:
        return
    told = {json.loads(entry.body).get("user_id", "")}
    if entry.actor_kind == "user":
        told.add(entry.actor_id)
    ids = {number for one in told if (number := number_of(str(one))) is not None}
    rows = [{"account_id": number, "serial": entry.serial} for number in sorted(ids)]
    if rows:
        sql.execute(account_event.insert(), rows)


def history_of(sql: Connection, account_id: int, *, limit: int = SHOWN) -> Sequence[Happened]:
    """What happened to an account, the newest first."""
    rows = sql.execute(
        sa.select(ledger_event)
        .join(account_event, account_event.c.serial == ledger_event.c.serial)
        .where(account_event.c.account_id == account_id)
        .order_by(ledger_event.c.serial.desc())
        .limit(limit)
    )
    entries = [Entry(**row._mapping) for row in rows]  # noqa: SLF001 - a public name of SQLAlchemy
    return [
        Happened(
            entry, str(json.loads(entry.body).get("network", "")),
            entry.actor_kind == "user" and entry.actor_id == str(account_id),
        )
        for entry in entries
    ]  # fmt: skip
