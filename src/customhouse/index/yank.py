"""Yanking (PEP 592): installers pass over a yanked file unless somebody has pinned it. It can be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.tokens import look_again
from customhouse.catalog.lifecycle import may_yank
from customhouse.catalog.lifecycle_events import Unyanked, Yanked
from customhouse.catalog.tables import file, release
from customhouse.index.subject import lock_subject, refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class Yank:
    """A wish to yank a release, the files to come too, or one file; ``undo`` takes it back."""

    project: str
    version: str
    filename: str = ""
    reason: str = ""
    undo: bool = False
    by: Actor = COMMAND_LINE


def yank(command: Yank, tx: Tx) -> str:
    """Yank, or take it back; doing it again changes the reason. Returns the project's normalised name."""
    if len(command.reason) > MAX_REASON:
        raise Rejected("reason-too-long", "reason", f"{len(command.reason)} characters", f"at most {MAX_REASON}")
    subject = lock_subject(tx, command.project, command.version, command.filename, command.by, "yank")
    refuse_if(may_yank(subject.project, subject.standing.role, operator=command.by.operator))
    if subject.release is None:
        raise Rejected("no-version", "version", "is empty", "the version to yank")
    table, row_id = (file, subject.file.id) if subject.file is not None else (release, subject.release.id)
    values = {"yanked_at": None, "yanked_reason": ""} if command.undo else {
        "yanked_at": tx.now(), "yanked_reason": command.reason,
    }  # fmt: skip
    tx.sql.execute(table.update().where(table.c.id == row_id).values(**values))
    name, version, filename = subject.project.normalized, subject.version, subject.filename
    if command.by.token_id:
        tx.serialize()
        look_again(tx, command.by.token_id, command.by.scope)
    if command.undo:
        tx.record(Unyanked(command.by.identity, name, version=version, filename=filename))
    else:
        tx.record(Yanked(command.by.identity, name, version=version, filename=filename, reason=command.reason))
    return name
