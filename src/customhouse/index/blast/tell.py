"""Telling those who are known to have fetched a bad file, each once for each file; and looking an address up."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from customhouse.index.blast.events import AddressLookedUp, FetchersTold
from customhouse.index.blast.look import Fetcher, Subject, blast_of, days_of
from customhouse.index.blast.tables import fetcher_told
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import OPERATOR, Identity

AT_ONCE = 200
"""So many accounts stand in one event."""
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class TellFetchers:
    """An operator's wish that everybody hears of it who is known to have fetched these files."""

    subject: Subject
    reason: str
    by: Identity = OPERATOR


@dataclass(frozen=True, slots=True)
class LookUpAddress:
    """An operator's question whether the network of an address is among those who fetched these files."""

    subject: Subject
    address: str
    secret: bytes
    by: Identity = OPERATOR


def tell_fetchers(command: TellFetchers, tx: Tx) -> list[Fetcher]:
    """Tell those who have not been told of these files; returns them. The letters follow the event."""
    reason = command.reason.strip()
    if not reason:
        raise Rejected("missing-field", "reason", "is empty", "what they have to know and to do")
    if len(reason) > LONGEST_REASON:
        raise Rejected("field-too-long", "reason", f"{len(reason)} characters", f"at most {LONGEST_REASON}")
    tx.serialize()
    new = [one for one in blast_of(tx.sql, command.subject).known if _note(tx, command.subject, one.account_id)]
    for start in range(0, len(new), AT_ONCE):
        some = new[start : start + AT_ONCE]
        tx.record(
            FetchersTold(
                command.by, command.subject.project.normalized, bad_files=command.subject.names,
                fetched_by=tuple(str(one.account_id) for one in some), first=min(one.first for one in some).isoformat(),
                last=max(one.last for one in some).isoformat(), reason=reason,
            )
        )  # fmt: skip
    return new


def _note(tx: Tx, subject: Subject, account_id: int) -> bool:
    """Note that an account is told of each file; whether any of them is news to it."""
    rows = [
        insert_new(tx.sql, fetcher_told, file_id=file_id, account_id=account_id, told_at=tx.now())
        for file_id in subject.ids
    ]
    return any(row is not None for row in rows)


def look_up_address(command: LookUpAddress, tx: Tx) -> list[str]:
    """The days on which the network of an address fetched any of these files, as ISO dates.

    That somebody asked is an event; which address it was is written down nowhere.
    """
    try:
        address = str(ipaddress.ip_address(command.address.strip()))
    except ValueError as error:
        why = f"{command.address[:60]!r} is no address"
        raise Rejected("bad-address", "address", why, "an IPv4 or IPv6 address") from error
    if not command.subject.files:
        raise Refused("nothing-held", "There is no such file.", status=404)
    days = [day.isoformat() for day in days_of(tx.sql, command.subject, command.secret, address)]
    files, name = command.subject.names, command.subject.project.normalized
    tx.record(AddressLookedUp(command.by, name, files=files, days=len(days)))
    return days
