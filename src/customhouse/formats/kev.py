"""CISA's catalogue of known exploited vulnerabilities, ``known_exploited_vulnerabilities.json`` (cisa.gov/kev)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected

CODE = "bad-catalogue"
MAX_BYTES = 64 * 2**20
MAX_ROWS = 200_000
LONGEST = 500
CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Exploited:
    """One vulnerability of the catalogue."""

    cve: str
    added: date
    due: date | None = None
    """By when US agencies must have acted."""
    vendor: str = ""
    product: str = ""
    title: str = ""
    ransomware: bool = False
    """Known to be used in ransomware campaigns."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read: where, and why."""

    place: str
    reason: str


def read_catalogue(content: bytes, where: str) -> Iterator[Exploited | BadRow]:
    """Every row of the catalogue; raises `Rejected` if it is no such catalogue, or not a whole one."""
    if len(content) > MAX_BYTES:
        raise Rejected(CODE, where, f"{len(content)} bytes", f"at most {MAX_BYTES}")
    try:
        top = read_json(content.decode("utf-8-sig"))
    except ValueError as error:
        raise Rejected(CODE, where, f"it cannot be read: {str(error)[:300]}", "JSON") from error
    rows = top.get("vulnerabilities") if isinstance(top, dict) else None
    if not isinstance(rows, list) or not rows or len(rows) > MAX_ROWS:
        raise Rejected(CODE, where, "it has no list of vulnerabilities", "CISA's catalogue in JSON")
    announced = top.get("count")
    if isinstance(announced, int) and announced != len(rows):
        raise Rejected(CODE, where, f"it announces {announced} rows and has {len(rows)}", "a whole catalogue")
    return (_row(row, f"{where}: vulnerabilities[{at}]") for at, row in enumerate(rows))


def _row(row: object, place: str) -> Exploited | BadRow:
    try:
        if not isinstance(row, dict):
            raise ValueError("it is no object")  # noqa: TRY301, TRY004 - caught below, with the others
        cve = _text(row, "cveID").upper()
        if not CVE.fullmatch(cve):
            raise ValueError(f"cveID: {cve[:40]!r} is no CVE")  # noqa: TRY301 - caught below, with the others
        due = _text(row, "dueDate")
        return Exploited(
            cve,
            date.fromisoformat(_text(row, "dateAdded")),
            date.fromisoformat(due) if due else None,
            _text(row, "vendorProject"),
            _text(row, "product"),
            _text(row, "vulnerabilityName"),
            _text(row, "knownRansomwareCampaignUse").lower() == "known",
        )
    except ValueError as error:
        return BadRow(place, f"{place}: {error}")


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key}: it is no text")  # noqa: TRY004 - one kind of fault for the whole row
    return value.replace("\0", " ").strip()[:LONGEST]
