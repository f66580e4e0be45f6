"""The ledger as lines of JSON, and whether such lines hold; pure.

With this module and `chain` anybody can verify an export without our database. A line has either everything that was
hashed, or, where the reader may not see it, only serial and hashes: then its contents cannot be checked, but the chain
can be followed past it, and the contents that somebody shows later must fit the hash.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customhouse.ledger.chain import GENESIS, Entry, Fault, canonical, entry_hash
from customhouse.ledger.public import Sealed
from customhouse.terms.errors import Rejected

_ACCEPTED = "a line of `customhouse ledger export` or of /ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in an export that holds."""

    first: int
    last: int
    read: int
    sealed: int
    gaps: int
    last_hash: str


def to_line(entry: Entry | Sealed) -> str:
    """An entry as one line of JSON, with its newline."""
    value: dict[str, Any] = {"serial": entry.serial}
    if isinstance(entry, Entry):
        value |= {
            "at": entry.at.isoformat(timespec="microseconds"),
            "kind": entry.kind,
            "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
            "project": entry.project,
            "body": json.loads(entry.body),
        }
    value |= {"previous_hash": entry.previous_hash, "hash": entry.hash}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"


def from_line(line: str, *, number: int = 1) -> Entry | Sealed:
    """The inverse of `to_line`; raises `Rejected` naming the line."""
    try:
        value = json.loads(line)
        if "kind" not in value:
            found: Entry | Sealed = Sealed(value["serial"], value["previous_hash"], value["hash"])
        else:
            actor = value["actor"]
            found = Entry(
                value["serial"], datetime.fromisoformat(value["at"]), value["kind"], actor["kind"], actor["id"],
                actor["name"], value["project"], canonical(value["body"]), value["previous_hash"], value["hash"],
            )  # fmt: skip
        _check_types(found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Rejected("bad-export", f"line {number}", "is no entry of a ledger", _ACCEPTED) from error
    return found


def verify(lines: Iterable[str], *, gaps: bool = False) -> Verified | Fault:
    """Whether every entry holds what its hash says and follows the one before it; the first fault otherwise.

    The first entry is believed about the hash before it, unless it is the first of all. ``gaps`` allows serials to be
    missing, as in the export of one project: there only neighbours are compared.
    """
    first: Entry | Sealed | None = None
    last: Entry | Sealed | None = None
    read = sealed = missing = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        entry = from_line(line, number=number)
        if (fault := _fault(entry, last, gaps=gaps)) is not None:
            return fault
        missing += last is not None and entry.serial != last.serial + 1
        read += isinstance(entry, Entry)
        sealed += isinstance(entry, Sealed)
        first, last = first or entry, entry
    if first is None or last is None:
        raise Rejected("empty-export", "file", "holds no entry", _ACCEPTED)
    return Verified(first.serial, last.serial, read, sealed, missing, last.hash)


def _fault(entry: Entry | Sealed, last: Entry | Sealed | None, *, gaps: bool) -> Fault | None:
    serial_before = last.serial if last is not None else entry.serial - 1
    if entry.serial <= serial_before or (entry.serial != serial_before + 1 and not gaps):
        return Fault(entry.serial, f"follows serial {serial_before}")
    hash_before = GENESIS if entry.serial == 1 else last.hash if last is not None else entry.previous_hash
    if entry.serial == serial_before + 1 and entry.previous_hash != hash_before:
        return Fault(entry.serial, "does not name the hash of the entry before it")
    if isinstance(entry, Entry) and entry_hash(entry) != entry.hash:
        return Fault(entry.serial, "has other contents than its hash says")
    return None


def _check_types(entry: Entry | Sealed) -> None:
    texts: list[object] = [entry.previous_hash, entry.hash]
    if isinstance(entry, Entry):
        texts += [entry.kind, entry.actor_kind, entry.actor_id, entry.actor_name, entry.project or ""]
        if entry.at.tzinfo is None:
            raise ValueError("a time without a zone")
    if not isinstance(entry.serial, int) or isinstance(entry.serial, bool) or entry.serial < 1:
        raise ValueError("no serial")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("not text")
