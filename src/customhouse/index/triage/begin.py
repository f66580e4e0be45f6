"""New records that lead to packages: a batch of them in one deed, those that are certain as advisories at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from customhouse.advisories.model import OWN, Prepared, packages_of, write_document
from customhouse.advisories.store import write_prepared
from customhouse.advisories.triage.draft import Concerned, draft
from customhouse.advisories.triage.events import TriageDecided
from customhouse.advisories.triage.model import Candidate
from customhouse.advisories.triage.queries import digests
from customhouse.advisories.triage.stored import read_candidates, read_case
from customhouse.advisories.triage.tables import triage_case
from customhouse.formats.cve.model import CveRecord, Damage
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import Score, score_of
from customhouse.index.triage.judging import Judged
from customhouse.index.triage.known_names import hosted_versions
from customhouse.index.triage.numbers import next_ids
from customhouse.ledger.tx import Tx
from customhouse.terms.digest import Digest
from customhouse.terms.identity import Identity

_INSERT = triage_case.insert()
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Taken:
    """What came of it."""

    records: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    waiting: int = 0
    """New at the desk."""
    automatic: int = 0
    """Became advisories."""
    withdrawn: int = 0
    ignored: int = 0
    known: int = 0
    """An advisory says it already."""
    excepted: int = 0
    """They stand on a list of false positives."""
    damaged: list[Damage] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A record that is not here yet, with all done that takes time."""

    judged: Judged
    covered: Mapping[str, str]
    """By package, the advisory that says it already."""
    record: CveRecord | None = None
    """Of one that becomes an advisory."""
    candidates: tuple[Candidate, ...] = ()
    score: Score | None = None

    @classmethod
    def of(cls, judged: Judged, covered: Mapping[str, str]) -> Fresh:
        """Do it."""
        if not judged.automatic or judged.exception or not judged.record:
            return cls(judged, covered)
        record = read_case(judged.record)
        unnumbered = draft(record, (), "unnumbered", record.modified or record.published or _LONG_AGO)
        return cls(judged, covered, record, read_candidates(judged.candidates), score_of(unnumbered))

    @property
    def says(self) -> str:
        """What the advisory is called that says it already; empty if there is none."""
        judged = self.judged
        named = judged.automatic or judged.packages[:1]
        return self.covered[named[0]] if named and set(named) <= self.covered.keys() else ""


def begin_cases(batch: Sequence[Fresh], tx: Tx, *, prefix: str, by: Identity, taken: Taken) -> None:
    """Write the records of a batch and what becomes of them."""
    tx.serialize()
    # Somebody may be reading the same folder in at the same time: whoever comes second leaves it.
    there = digests(tx.sql, [one.judged.id for one in batch])
    new = [one for one in batch if one.judged.id not in there]
    rows = {one.judged.id: new_row(one.judged, tx) | _settled(one, tx) for one in new}
    going = [one for one in new if one.record is not None and rows[one.judged.id]["status"] == "waiting"]
    numbers = next_ids(tx, prefix, len(going)) if going else []
    hosted = hosted_versions(tx.sql, {name for one in going for name in one.judged.automatic}) if going else {}
    prepared = []
    for one, number in zip(going, numbers, strict=True):
        prepared.append(_prepared(one, number, hosted, tx))
        reason = f"Evidence of {one.judged.score} points, and every range ends."
        rows[one.judged.id] |= _decided(tx, "accepted", reason, number, one.judged.automatic)
        tx.record(
            TriageDecided(
                by, None, record=one.judged.id, verdict="accepted", packages=one.judged.automatic, advisory_id=number,
                reason=reason,
            )
        )  # fmt: skip
    if prepared:
        write_prepared(tx, prepared, OWN, by=by)
    if rows:
        tx.sql.execute(_INSERT, [*rows.values()])
    taken.new += len(new)
    taken.same += len(batch) - len(new)
    taken.automatic += len(prepared)
    taken.waiting += sum(row["status"] == "waiting" for row in rows.values())
    taken.ignored += sum(row["status"] == "ignored" for row in rows.values())
    taken.known += sum(row["status"] == "duplicate" for row in rows.values())
    taken.excepted += sum(row["status"] == "not-python" for row in rows.values())


def row_of(one: Judged, tx: Tx) -> dict[str, Any]:
    """What is stored of a record, whatever is decided of it."""
    return {
        "id": one.id, "form": one.form, "digest": one.digest, "modified": one.modified, "disputed": one.disputed,
        "title": one.title[:500], "score": one.score, "record": one.record, "candidates": one.candidates,
        "changed_at": tx.now(),
    }  # fmt: skip


def new_row(one: Judged, tx: Tx) -> dict[str, Any]:
    """The same of one that leads nowhere."""
    return {
        **row_of(one, tx), "status": "ignored", "packages": [], "advisory_id": None, "automatic": False, "reason": "",
        "decided_by": "", "decided_at": None, "note": "", "imported_at": tx.now(),
    }  # fmt: skip


def _settled(one: Fresh, tx: Tx) -> dict[str, Any]:
    """What becomes of it, unless it becomes an advisory."""
    judged = one.judged
    if judged.exception:
        return _decided(tx, "not-python", judged.exception)
    if judged.state != "published":
        return {"status": "ignored"}
    return _decided(tx, "duplicate", f"{one.says} says it already.", one.says) if one.says else {"status": "waiting"}


def _decided(tx: Tx, status: str, reason: str, advisory_id: str = "", packages: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "status": status, "packages": list(packages), "advisory_id": advisory_id or None, "automatic": True,
        "reason": reason, "decided_by": "customhouse", "decided_at": tx.now(),
    }  # fmt: skip


def _prepared(one: Fresh, number: str, hosted: Mapping[str, frozenset[str]], tx: Tx) -> Prepared:
    spans = {each.package: each.spans for each in one.candidates}
    packages = tuple(Concerned(name, spans[name], tuple(hosted.get(name, ()))) for name in one.judged.automatic)
    if one.record is None or one.score is None:
        raise LookupError("it was not made ready")
    record: Record = draft(one.record, packages, number, tx.now())
    document = write_document(record.document)
    return Prepared(
        record, one.score.level, one.score.base, document, Digest.of(document.encode()).hex, packages_of(record)
    )
