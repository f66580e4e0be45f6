"""Taking back an advisory that should not have been published. What was told stays told, marked as withdrawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

from customhouse.advisories.disclosure.draft import long_text
from customhouse.advisories.disclosure.events import DisclosureMoved
from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.advisories.store import write_records
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.write import write_record
from customhouse.index.disclosing.access import Knock, enter, look_again, refuse_unless_handles
from customhouse.index.disclosing.cve_jobs import REJECT_JOB
from customhouse.index.disclosing.discuss import note
from customhouse.index.disclosing.facts import facts_of
from customhouse.index.disclosing.outputs import osv_record
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.tell import tell
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected


@dataclass(frozen=True, slots=True)
class WithdrawAdvisory:
    """A wish that an advisory counts no more; the reason becomes public with the rejected CVE record."""

    knock: Knock
    reason: str
    rules: Rules


def withdraw_advisory(command: WithdrawAdvisory, tx: Tx) -> Case:
    """Mark the record as withdrawn, and have its CVE record rejected. The release stays: it harms nobody."""
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    case = found.case
    if case.state not in ("published", "closed") or case.published_at is None:
        raise Refused("not-published", "There is no public advisory to withdraw.", status=409)
    reason = long_text(command.reason, "reason", 4_000)
    if not reason:
        raise Rejected("no-reason", "reason", "is empty", "why; everybody reads it")
    facts = facts_of(tx.sql, case, command.rules)
    record = replace(osv_record(facts), modified=tx.now(), withdrawn=tx.now())
    write_records(tx, [read_record(write_record(record), record.id)], by=found.identity)
    values = {"state": "withdrawn"}
    if case.cve_state in ("published", "publishing"):
        values["cve_state"] = "rejecting"
        tx.later(REJECT_JOB, {"case_id": case.id, "reason": reason}, key=f"{REJECT_JOB}:{case.id}")
    tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == case.id).values(**values))
    note(tx, case, f"{found.name} withdrew the advisory: {reason}")
    tx.record(DisclosureMoved(found.identity, None, case=case.public_id, before=case.state, state="withdrawn"))
    tell(tx, case, "moved", to=("handlers", "reporter"), but=found.member, text=reason)
    return look_again(tx, found)
