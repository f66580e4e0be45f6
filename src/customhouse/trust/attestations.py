"""The rows of attestations: written with the file that they speak of, read when it is served or shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.formats.provenance import provenance_object
from customhouse.trust.tables import attestation
from customhouse.trust.verify import Verified

_SIGNED_BY, _BUILDER = "signed_by", "builder"
"""In the summary of what a builder has signed; nothing where the sender has."""
_OF_FILE = (
    sa.select(attestation.c.publisher, attestation.c.body)
    .where(attestation.c.file_id == sa.bindparam("file"))
    .order_by(attestation.c.id)
)


@dataclass(frozen=True, slots=True)
class Attested:
    """One attestation as pages and rules need it, without its body."""

    publisher: Mapping[str, Any]
    predicate_type: str
    summary: Mapping[str, str]
    trust_root: str

    @property
    def of_builder(self) -> bool:
        """Whether a builder has signed it, whom the project has declared, and not who has sent the file."""
        return signed_by_builder(self.summary)


def signed_by_builder(summary: Mapping[str, str]) -> bool:
    """The same of a row's summary."""
    return summary.get(_SIGNED_BY) == _BUILDER


def keep_attestations(sql: Connection, file_id: int, verified: Sequence[Verified], now: datetime) -> None:
    """Write what was verified of a file, in the transaction that writes the file."""
    if verified:
        sql.execute(
            attestation.insert(),
            [
                {
                    "file_id": file_id,
                    "publisher": dict(one.publisher),
                    "predicate_type": one.predicate_type,
                    "summary": _summary(one),
                    "body": one.body,
                    "trust_root": one.trust_root,
                    "verified_at": now,
                }
                for one in verified
            ],
        )


def provenance_of_file(sql: Connection, file_id: int) -> dict[str, Any] | None:
    """The provenance object of a file (PEP 740); None if nothing is attested of it."""
    rows = sql.execute(_OF_FILE, {"file": file_id}).all()
    return provenance_object((row.publisher, json.loads(row.body)) for row in rows) if rows else None


def to_json(verified: Sequence[Verified]) -> list[dict[str, Any]]:
    """What was verified, to be kept beside a file that is not published yet."""
    return [
        {
            "publisher": dict(one.publisher),
            "predicate_type": one.predicate_type,
            "summary": dict(one.summary),
            "body": one.body,
            "trust_root": one.trust_root,
            "signed_at": one.signed_at.isoformat(),
            "builder": one.builder,
        }
        for one in verified
    ]


def from_json(kept: Sequence[Mapping[str, Any]]) -> tuple[Verified, ...]:
    """The inverse of `to_json`."""
    return tuple(Verified(**{**one, "signed_at": datetime.fromisoformat(one["signed_at"])}) for one in kept)


def attested(verified: Sequence[Verified]) -> tuple[Attested, ...]:
    """What was just verified, as it will be read again."""
    return tuple(Attested(one.publisher, one.predicate_type, _summary(one), one.trust_root) for one in verified)


def builders_among(verified: Sequence[Verified]) -> frozenset[int]:
    """The builders on whose word this rests, by the numbers of their rows."""
    return frozenset(one.builder for one in verified if one.builder)


def _summary(one: Verified) -> dict[str, str]:
    signed_by = {_SIGNED_BY: _BUILDER} if one.builder else {}
    return {**one.summary, "signed_at": one.signed_at.isoformat(), **signed_by}
