"""Deleting, with the price shown first. Nothing leaves the disk, no name becomes free, everything can be restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.index_flags import refuse_if_flagged
from customhouse.catalog import queries
from customhouse.catalog.downloads.queries import counted_since, first_day
from customhouse.catalog.lifecycle import DeletionPolicy, Price, may_delete
from customhouse.catalog.lifecycle_events import Deleted, DeletedFilesEnded, DeletionRefused
from customhouse.catalog.model import File
from customhouse.catalog.tables import critical_mark
from customhouse.index.dependents import dependents_of
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import Subject, find_subject, lock_subject, row_of
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, SYSTEM, Actor

MAX_REASON = 1000
DOWNLOAD_DAYS = 30
END_JOB = "end-deleted-files"
USUAL_POLICY = DeletionPolicy(timedelta(hours=72), 100)


@dataclass(frozen=True, slots=True)
class Delete:
    """A wish to delete a project, a release or one file. ``typed`` is the name of the thing, typed again."""

    project: str
    version: str = ""
    filename: str = ""
    reason: str = ""
    typed: str = ""
    policy: DeletionPolicy = USUAL_POLICY
    addresses_answer: timedelta = timedelta(days=90)
    by: Actor = COMMAND_LINE


def price_of(sql: Connection, subject: Subject, now: datetime) -> Price:
    """What deleting it would cost others."""
    found = subject.project
    files = [row for row in queries.files_of(sql, found.id) if row.deleted_at is None and row.erased_at is None]
    going = [row for row in files if _is_part(row, subject)]
    if not going and (subject.release is not None or found.deleted_at is not None):
        raise Refused(
            "deleted-already", f"{subject.filename or subject.version or found.display} is deleted already.", status=409
        )
    staying = {row.version for row in files} - {row.version for row in going if not _survives(row, files, going)}
    gone = {row.version for row in going} - staying
    since = first_day(now, DOWNLOAD_DAYS)
    critical = sql.execute(
        sa.select(critical_mark.c.normalized).where(critical_mark.c.normalized == found.normalized)
    ).first()
    return Price(
        project=found,
        version=subject.version,
        filename=subject.filename,
        files=[row.filename for row in going],
        size_bytes=sum(row.size_bytes for row in going),
        appeared_at=min((row.uploaded_at for row in going), default=found.created_at),
        downloads_30_days=counted_since(sql, since=since, file_ids=[row.id for row in going]) if going else 0,
        dependents=dependents_of(sql, found.normalized, going=gone, staying=staying) if gone else [],
        critical=critical is not None,
        quarantined=found.status == "quarantined" or any(row.quarantined_at is not None for row in going),
    )


def price_for(sql: Connection, name: str, version: str, filename: str, by: Actor, now: datetime) -> Price:
    """The same for a page: found by name."""
    return price_of(sql, find_subject(sql, name, version, filename, by), now)


def delete(command: Delete, tx: Tx) -> Price | PendingChange:
    """Take a project, a release or a file out of every listing; returns what it cost, or what waits.

    Raises `Rejected` if the name was not typed again, `Refused` (with an event) if the policy says no.
    """
    if len(command.reason) > MAX_REASON:
        raise Rejected("reason-too-long", "reason", f"{len(command.reason)} characters", f"at most {MAX_REASON}")
    refuse_if_flagged(tx.sql, "no-deletions", actor=command.by)
    subject = lock_subject(tx, command.project, command.version, command.filename, command.by)
    price = price_of(tx.sql, subject, tx.now())
    if command.typed.strip() != price.to_type:
        raise Rejected("not-typed", "typed", f"{command.typed[:120]!r} was typed", f"exactly {price.to_type!r}")
    refusal = may_delete(price, subject.standing.role, command.policy, tx.now(), operator=command.by.operator)
    name = subject.project.normalized
    if refusal is not None:
        trace = DeletionRefused(
            command.by.identity, name, version=price.version, filename=price.filename, code=refusal.code
        )
        raise Refused(refusal.code, refusal.sentence, refusal.accepted, status=refusal.status, records=(trace,))
    if waits := _wait(tx, command, price):
        return waits
    table, row_id = row_of(subject)
    tx.sql.execute(table.update().where(table.c.id == row_id).values(deleted_at=tx.now(), delete_reason=command.reason))
    tx.record(
        Deleted(
            command.by.identity, name, version=price.version, filename=price.filename, reason=command.reason,
            files=tuple(price.files), downloads_30_days=price.downloads_30_days,
            dependents=tuple(sorted(one.project for one in price.dependents if one.project)),
        )
    )  # fmt: skip
    tx.later(END_JOB, {"project": name}, due_at=tx.now() + command.addresses_answer)
    return price


def _wait(tx: Tx, command: Delete, price: Price) -> PendingChange | None:
    """What waits, on a protected project. The time that it waits does not count against the free deletion."""
    arguments = {
        "project": price.project.normalized, "version": price.version, "filename": price.filename,
        "reason": command.reason, "typed": command.typed,
        "free_seconds": (command.policy.free_for + tx.delay).total_seconds(),
        "downloads_limit": command.policy.downloads_limit,
        "addresses_answer_seconds": command.addresses_answer.total_seconds(),
    }  # fmt: skip
    return put_off(
        tx, "deletion", project=price.project, by=command.by, arguments=arguments,
        sentence=f"{price.what} is deleted", what=price.filename or price.version,
    )  # fmt: skip


def end_deleted_files(name: str, tx: Tx) -> None:
    """Void the gates of a project, because the time of some deleted files is over; the renderer knows which."""
    tx.record(DeletedFilesEnded(SYSTEM, name))


def _is_part(row: File, subject: Subject) -> bool:
    if subject.file is not None:
        return row.id == subject.file.id
    return subject.release is None or row.release_id == subject.release.id


def _survives(row: File, files: Sequence[File], going: Sequence[File]) -> bool:
    """Whether another file of the same version stays."""
    leaving = {one.id for one in going}
    return any(one.version == row.version and one.id not in leaving for one in files)
