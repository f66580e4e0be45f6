"""Letting a closed release take new files again, for as long as a new one would."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.catalog.lifecycle import may_reopen
from customhouse.catalog.lifecycle_events import ReleaseReopened
from customhouse.catalog.tables import release
from customhouse.index.subject import lock_subject, refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class Reopen:
    """A wish to reopen a release."""

    project: str
    version: str
    by: Actor = COMMAND_LINE


def reopen(command: Reopen, tx: Tx) -> str:
    """Reopen a release; returns the project's normalised name."""
    subject = lock_subject(tx, command.project, command.version, "", command.by)
    refuse_if(may_reopen(subject.project, subject.standing.role, operator=command.by.operator))
    if subject.release is None:
        raise Rejected("no-version", "version", "is empty", "the version to reopen")
    tx.sql.execute(release.update().where(release.c.id == subject.release.id).values(reopened_at=tx.now()))
    tx.record(ReleaseReopened(command.by.identity, subject.project.normalized, version=subject.version))
    return subject.project.normalized
