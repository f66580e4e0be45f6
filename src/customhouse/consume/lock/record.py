"""What a lock was checked against, kept in the lock itself: ``[tool.customhouse]`` of PEP 751, or a block of comments.

A record tells a reader, and the next run, which index and policy the lock came through. It proves nothing: whoever can
write the lock can write the record, so `customhouse verify` asks the index anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from customhouse.formats.inventory.toml_lock import read_lock_toml, table, text, texts
from customhouse.terms.errors import Rejected

HEADER = "[tool.customhouse]"
_MOST_LINES = 40


@dataclass(frozen=True, slots=True)
class Policy:
    """What a view let in by, when the lock was made."""

    level: str = ""
    sha256: str = ""
    """Of the policy's text."""
    epoch: int = 0
    """The view's: it rises whenever anything may look different."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a lock was checked against."""

    index: str
    view: str = ""
    policy: Policy | None = None
    """None if the index has no views, or does not tell."""
    amendments: int = 0
    """How many amendments counted."""
    sources: tuple[str, ...] = ()
    """Where the advisories are from."""
    newest: str = ""
    """The time of the newest advisory."""
    advisories: int = 0
    at: datetime | None = None


def record_lines(record: Record) -> list[str]:
    """The table of TOML, line by line."""
    lines = [HEADER, f"index = {_text(record.index)}"]
    if record.view:
        lines.append(f"view = {_text(record.view)}")
    if record.policy is not None:
        lines += [
            f"policy-level = {_text(record.policy.level)}", f"policy-sha256 = {_text(record.policy.sha256)}",
            f"epoch = {record.policy.epoch}",
        ]  # fmt: skip
    lines += [
        f"amendments = {record.amendments}",
        f"advisories-from = [{', '.join(_text(one) for one in record.sources)}]",
        f"advisories-newest = {_text(record.newest)}",
        f"advisories = {record.advisories}",
    ]
    if record.at is not None:
        lines.append(f"checked-at = {record.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return lines


def read_record(lock: str, where: str) -> Record | None:
    """The record of a lock in either form; None if it has none that can be read."""
    part = _of_comments(lock) if _is_commented(lock) else _of_toml(lock)
    if part is None:
        return None
    try:
        own = table(table(read_lock_toml(part, where, whole=True).get("tool")).get("customhouse"))
    except Rejected:
        return None
    if not text(own.get("index")):
        return None
    policy = Policy(text(own.get("policy-level")), text(own["policy-sha256"]), _number(own.get("epoch"))) if text(
        own.get("policy-sha256")) else None  # fmt: skip
    at = own.get("checked-at")
    return Record(
        text(own.get("index")), text(own.get("view")), policy, _number(own.get("amendments")),
        tuple(texts(own.get("advisories-from"))), text(own.get("advisories-newest")), _number(own.get("advisories")),
        at if isinstance(at, datetime) else None,
    )  # fmt: skip


def _is_commented(lock: str) -> bool:
    return f"# {HEADER}" in lock[:20_000]


def _of_comments(lock: str) -> str | None:
    found: list[str] = []
    for line in lock.splitlines()[: 10 * _MOST_LINES]:
        if not found and line != f"# {HEADER}":
            continue
        if not line.startswith("# ") or len(found) > _MOST_LINES:
            break
        found.append(line[2:])
    return "\n".join(found) if found else None


def _of_toml(lock: str) -> str | None:
    """The table alone: the rest of a lock is long, and it is read elsewhere."""
    lines = lock.replace("\r\n", "\n").split("\n")
    if HEADER not in lines:
        return None
    at = lines.index(HEADER)
    rest = lines[at + 1 : at + 1 + _MOST_LINES]
    end = next((number for number, line in enumerate(rest) if line.startswith("[")), len(rest))
    return "\n".join([HEADER, *rest[:end]])


def _text(value: str) -> str:
    """A string of TOML: JSON's are, but for one sign."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
