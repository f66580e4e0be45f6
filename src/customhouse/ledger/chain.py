"""The hash chain, pure: importable by anybody who wants to check an export without our database.

The hash of an entry is SHA-256 over the canonical JSON (sorted keys, no spaces, ASCII) of its fields together with the
hash of the entry before; the first entry follows `GENESIS`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger. ``body`` is canonical JSON text; ``at`` is aware, in UTC."""

    serial: int
    at: datetime
    kind: str
    actor_kind: str
    actor_id: str
    actor_name: str
    project: str | None
    body: str
    previous_hash: str
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain does not hold, and why."""

    serial: int
    why: str


def canonical(value: object) -> str:
    """JSON with one spelling for each value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def entry_hash(entry: Entry) -> str:
    """The hash that the entry must carry, hexadecimal."""
    text = canonical(
        {
            "serial": entry.serial,
            "at": entry.at.isoformat(timespec="microseconds"),
            "kind": entry.kind,
            "actor": [entry.actor_kind, entry.actor_id, entry.actor_name],
            "project": entry.project,
            "body": entry.body,
            "previous": entry.previous_hash,
        }
    )
    return hashlib.sha256(text.encode()).hexdigest()


def first_fault(entries: Iterable[Entry], *, previous_hash: str = GENESIS, previous_serial: int = 0) -> Fault | None:
    """The first place where the serials have a gap or a hash does not follow, or None if the chain is whole."""
    for entry in entries:
        if entry.serial != previous_serial + 1:
            return Fault(entry.serial, f"follows serial {previous_serial}")
        if entry.previous_hash != previous_hash:
            return Fault(entry.serial, "does not name the hash of the entry before it")
        if entry_hash(entry) != entry.hash:
            return Fault(entry.serial, "has other contents than its hash says")
        previous_hash, previous_serial = entry.hash, entry.serial
    return None
