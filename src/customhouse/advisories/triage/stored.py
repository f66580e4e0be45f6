"""A record and its candidates as JSON and back, and the digest of what matters in a record; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from customhouse.advisories.triage.model import Candidate, Evidence
from customhouse.formats.cve.model import Cpe, CveRecord, Product, Reference, Span
from customhouse.formats.osv.model import Credit, Severity
from customhouse.formats.osv.times import read_time, write_time

_TIMES = ("published", "modified")
_SAID = {
    "state": "its state", "disputed": "whether it is disputed", "title": "its title", "description": "its text",
    "products": "what it names as affected", "references": "its links", "severity": "its severity",
    "aliases": "its aliases",
}  # fmt: skip
"""What matters in a record, as people call it: a change of anything else changes nothing for us."""


def write_case(record: CveRecord) -> str:
    """The record as JSON text."""
    return _dumped({name: _plain(getattr(record, name)) for name in _names(CveRecord)})


def read_case(text: str) -> CveRecord:
    """The record that `write_case` has written."""
    top = json.loads(text)
    products = tuple(
        Product(
            **{**one, "cpes": tuple(Cpe(**cpe) for cpe in one["cpes"]), "spans": _spans(one["spans"])}
        )
        for one in top["products"]
    )  # fmt: skip
    return CveRecord(
        **{
            **top,
            **{name: read_time(top[name], name) if top[name] else None for name in _TIMES},
            "products": products,
            "references": tuple(Reference(one["url"], tuple(one["tags"])) for one in top["references"]),
            "severity": tuple(Severity(**one) for one in top["severity"]),
            "weaknesses": tuple(top["weaknesses"]),
            "credits": tuple(Credit(one["name"], tuple(one["contact"]), one["kind"]) for one in top["credits"]),
            "aliases": tuple(top["aliases"]),
        }
    )


def write_candidates(candidates: Sequence[Candidate]) -> str:
    """The candidates as JSON text."""
    return _dumped([_plain(one) for one in candidates])


def read_candidates(text: str | None) -> tuple[Candidate, ...]:
    """The candidates that `write_candidates` has written."""
    return tuple(
        Candidate(
            one["package"], one["display"], tuple(Evidence(**each) for each in one["evidence"]), _spans(one["spans"]),
            tuple(one["stops"]),
        )
        for one in json.loads(text or "[]")
    )  # fmt: skip


def digest_of(record: CveRecord) -> str:
    """SHA-256 of what matters."""
    # Its id is among it, so that the digest alone tells whether this very record is here.
    kept = [record.id, record.form, *(repr(getattr(record, name)) for name in _SAID)]
    return hashlib.sha256("\n".join(kept).encode(errors="surrogatepass")).hexdigest()


def differences(before: CveRecord, after: CveRecord) -> list[str]:
    """What is other than before, in people's words."""
    return [words for name, words in _SAID.items() if getattr(before, name) != getattr(after, name)]


def _spans(entries: Sequence[Mapping[str, Any]]) -> tuple[Span, ...]:
    return tuple(Span(**one) for one in entries)


def _names(kind: type) -> tuple[str, ...]:
    if (known := _named.get(kind)) is None:
        known = _named[kind] = tuple(one.name for one in fields(kind))
    return known


_named: dict[type, tuple[str, ...]] = {}


def _plain(value: object) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in _names(type(value))}
    return write_time(value) if isinstance(value, datetime) else value


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
