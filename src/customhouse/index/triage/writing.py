"""Writes, changes and withdraws the advisory of a case, inside somebody's deed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from customhouse.advisories import queries as stored
from customhouse.advisories.model import OWN
from customhouse.advisories.store import write_records
from customhouse.advisories.triage.draft import Concerned, Relation, draft, with_document
from customhouse.advisories.triage.model import Candidate
from customhouse.advisories.triage.spans import ranges_for
from customhouse.formats.cve.model import CveRecord
from customhouse.index.triage.known_names import hosted_versions
from customhouse.index.triage.numbers import next_id
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import Identity


def concerned(
    tx: Tx, record: CveRecord, candidates: Sequence[Candidate], packages: Sequence[str]
) -> tuple[Concerned, ...]:
    """The packages with their ranges and hosted versions; one that was no candidate gets what the record says of it."""
    hosted = hosted_versions(tx.sql, packages)
    spans = {one.package: one.spans for one in candidates}
    return tuple(
        Concerned(
            name, spans[name] if name in spans else ranges_for(record, name, name).spans, tuple(hosted.get(name, ()))
        )
        for name in packages
    )  # fmt: skip


def write_advisory(
    tx: Tx, record: CveRecord, packages: Sequence[Concerned], prefix: str, *, advisory_id: str, by: Identity,
    relation: Relation = "alias",
) -> str:  # fmt: skip
    """Write the advisory under its id, or under a new one; one that was withdrawn stands again. Returns the id."""
    before = stored.find(tx.sql, advisory_id) if advisory_id else None
    own = before if before is not None and before.source == OWN else None
    written = draft(
        record, packages, advisory_id if own else next_id(tx, prefix), later(tx.now(), own),
        published=own.published if own else None, relation=relation,
    )  # fmt: skip
    write_records(tx, [written], by=by)
    return written.id


def withdraw(tx: Tx, advisory_id: str, by: Identity) -> bool:
    """Withdraw an advisory of ours: it stays, and matches nothing. Returns whether there was anything to withdraw."""
    found = stored.find(tx.sql, advisory_id) if advisory_id else None
    if found is None or found.source != OWN or found.withdrawn is not None:
        return False
    moment = later(tx.now(), found)
    write_records(tx, [with_document(replace(found.record, modified=moment, withdrawn=moment))], by=by)
    return True


def later(now: datetime, before: stored.Stored | None) -> datetime:
    """Now, but never before the last change: whoever asks for what is newer must see it."""
    return now if before is None else max(now, before.modified)
