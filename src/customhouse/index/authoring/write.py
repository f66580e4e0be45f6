"""Operators write, change and withdraw advisories of this index. Nothing is deleted: a withdrawn one says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from packaging.version import Version
from sqlalchemy.engine import Connection

from customhouse.accounts.users import refuse_unless_operator
from customhouse.advisories import queries as stored
from customhouse.advisories.model import OWN
from customhouse.advisories.store import write_records
from customhouse.advisories.triage.draft import with_document
from customhouse.advisories.triage.events import AdvisoryAuthored
from customhouse.formats.osv.model import Record
from customhouse.index.authoring.form import Typed, packages_of, read_typed
from customhouse.index.triage.known_names import hosted_versions
from customhouse.index.triage.numbers import next_id
from customhouse.index.triage.writing import later
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.versions import version_of

LONGEST_REASON = 1_000
UNNUMBERED = "x_unnumbered-0-0"
"""The id in a preview of what has none yet."""


@dataclass(frozen=True, slots=True)
class WriteAdvisory:
    """A wish to write an advisory, or to change one."""

    typed: Typed
    prefix: str
    advisory_id: str = ""
    """Of the one to be changed."""
    seen: str = ""
    """The digest of the text that was changed: nobody overwrites what he has not seen."""
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class WithdrawAdvisory:
    """A wish to withdraw an advisory, or to let a withdrawn one stand again."""

    advisory_id: str
    reason: str
    stand_again: bool = False
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Preview:
    """What an advisory would say."""

    record: Record
    hosted: Mapping[str, tuple[str, ...]]
    """By package, its hosted versions that are affected, in their order."""
    safe: Mapping[str, tuple[str, ...]]
    """And those that are not."""


def preview(sql: Connection, command: WriteAdvisory, now: datetime) -> Preview:
    """What would be written; raises `Rejected` as writing would."""
    before = own_advisory(sql, command.advisory_id) if command.advisory_id else None
    hosted = hosted_versions(sql, [name for name, _ in packages_of(command.typed.affected)])
    record = read_typed(
        command.typed, command.advisory_id or UNNUMBERED, now, hosted, before.record if before is not None else None
    )
    affected = {one.name: one.versions for one in record.affected}
    safe = {
        name: tuple(sorted(versions - set(affected.get(name, ())), key=lambda one: version_of(one) or Version("0")))
        for name, versions in hosted.items()
    }
    return Preview(record, {name: tuple(affected.get(name, ())) for name in record.packages()}, safe)


def write_advisory(command: WriteAdvisory, tx: Tx) -> Record:
    """Write it; returns the record."""
    refuse_unless_operator(command.by)
    tx.serialize()
    before = own_advisory(tx.sql, command.advisory_id) if command.advisory_id else None
    if before is not None and command.seen and command.seen != before.digest:
        raise Refused("changed-meanwhile", f"{before.id} was changed since you began.", "Look at it again.", status=409)
    hosted = hosted_versions(tx.sql, [name for name, _ in packages_of(command.typed.affected)])
    advisory_id = before.id if before is not None else next_id(tx, command.prefix)
    record = read_typed(
        command.typed, advisory_id, later(tx.now(), before), hosted, before.record if before is not None else None
    )
    write_records(tx, [record], by=command.by.as_operator)
    change = "changed" if before is not None else "written"
    tx.record(AdvisoryAuthored(command.by.as_operator, None, advisory_id=record.id, change=change))
    return record


def withdraw_advisory(command: WithdrawAdvisory, tx: Tx) -> str:
    """Withdraw it with a reason, or let it stand again; returns its id."""
    refuse_unless_operator(command.by)
    reason = command.reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Rejected("no-reason", "reason", f"{len(reason)} characters", f"1 to {LONGEST_REASON}")
    tx.serialize()
    before = own_advisory(tx.sql, command.advisory_id)
    by = command.by.as_operator
    if command.stand_again == (before.withdrawn is None):
        said = "stands" if command.stand_again else "is withdrawn"
        raise Refused("nothing-to-do", f"{before.id} {said} already.", status=409)
    # The reason belongs to the record, so that whoever has a copy of it knows.
    kept = dict(before.record.document.get("database_specific") or {})
    kept.pop("withdrawn_reason", None)
    if not command.stand_again:
        kept["withdrawn_reason"] = reason
    document = {**before.record.document, "database_specific": kept}
    moment = later(tx.now(), before)
    changed = replace(
        before.record, document=document, modified=moment, withdrawn=None if command.stand_again else moment
    )
    write_records(tx, [with_document(changed)], by=by)
    change = "reinstated" if command.stand_again else "withdrawn"
    tx.record(AdvisoryAuthored(by, None, advisory_id=before.id, change=change, reason=reason))
    return before.id


def own_advisory(sql: Connection, advisory_id: str) -> stored.Stored:
    """An advisory of ours; raises `Refused` for those of others, which their sources change."""
    found = stored.find(sql, advisory_id)
    if found is None or found.source != OWN:
        raise Refused(
            "not-ours", f"{advisory_id[:60]!r} is no advisory of this index.", "Only its source changes it.", status=404
        )
    return found
