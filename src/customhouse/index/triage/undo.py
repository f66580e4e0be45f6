"""Takes a verdict back: the record is at the desk again as it was before, and so is its advisory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from customhouse.accounts.users import refuse_unless_operator
from customhouse.advisories import queries as stored
from customhouse.advisories.store import write_records
from customhouse.advisories.triage.draft import with_document
from customhouse.advisories.triage.events import TriageUndone
from customhouse.advisories.triage.model import OPEN
from customhouse.advisories.triage.queries import Case, find_case, verdicts_of
from customhouse.advisories.triage.tables import triage_case, triage_verdict
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.times import read_time
from customhouse.index.triage.writing import later, withdraw
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity


@dataclass(frozen=True, slots=True)
class Undo:
    """A wish to take the last verdict about a record back."""

    case: str
    by: Actor = COMMAND_LINE


def undo(command: Undo, tx: Tx) -> Case:
    """Undo the last verdict that holds, or what the program has decided by itself; returns the case as it is then."""
    refuse_unless_operator(command.by)
    tx.serialize()
    case = find_case(tx.sql, command.case, lock=True)
    if case is None:
        raise Refused("no-case", f"No record {command.case[:60]!r} is here.", status=404)
    by = command.by.as_operator
    verdict = next((one for one in verdicts_of(tx.sql, case.id) if one.undone_at is None), None)
    if verdict is not None and case.decided_by == verdict.by and not case.automatic:
        before = tx.sql.execute(
            triage_verdict.select().with_only_columns(triage_verdict.c.before).where(triage_verdict.c.id == verdict.id)
        ).scalar_one()
        tx.sql.execute(triage_verdict.update().where(triage_verdict.c.id == verdict.id).values(undone_at=tx.now()))
        _restore(tx, case, before, by)
    elif case.automatic and case.status not in ("ignored", *OPEN):
        _take_over(tx, case, by)
    else:
        raise Refused("nothing-to-undo", f"Nobody has decided about {case.id}.", status=409)
    tx.record(TriageUndone(by, None, record=case.id, verdict=case.status, advisory_id=case.advisory_id))
    return find_case(tx.sql, case.id) or case


def _restore(tx: Tx, case: Case, before: Mapping[str, Any], by: Identity) -> None:
    document = before["document"]
    if document:
        held = stored.find(tx.sql, before["advisory_id"])
        record = read_record(json.loads(document), before["advisory_id"])
        write_records(tx, [with_document(replace(record, modified=later(tx.now(), held)))], by=by)
    elif case.status == "accepted":
        withdraw(tx, case.advisory_id, by)
    tx.sql.execute(
        triage_case.update().where(triage_case.c.id == case.id).values(
            status="waiting" if before["status"] == "ignored" else before["status"], packages=before["packages"],
            advisory_id=before["advisory_id"] or None, automatic=before["automatic"], reason=before["reason"],
            decided_by=before["decided_by"],
            decided_at=read_time(before["decided_at"], "decided_at") if before["decided_at"] else None,
            note=before["note"], changed_at=tx.now(),
        )
    )  # fmt: skip


def _take_over(tx: Tx, case: Case, by: Identity) -> None:
    """What the program has decided waits for people from now on, who have the last word for good."""
    if case.status == "accepted":
        withdraw(tx, case.advisory_id, by)
    tx.sql.execute(
        triage_verdict.insert().values(
            case_id=case.id, verdict=case.status, packages=list(case.packages), advisory_id=case.advisory_id or None,
            reason=case.reason, by=case.decided_by, at=case.decided_at or tx.now(), before={}, undone_at=tx.now(),
        )
    )  # fmt: skip
    tx.sql.execute(
        triage_case.update().where(triage_case.c.id == case.id).values(
            status="waiting", packages=[], advisory_id=None, automatic=False, reason="", decided_by="", decided_at=None,
            note=f"{by.name} has taken back what was decided automatically ({case.status}).", changed_at=tx.now(),
        )
    )  # fmt: skip
