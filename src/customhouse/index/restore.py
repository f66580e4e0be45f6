"""Restoring what was deleted: the same bytes, digests, upload times and addresses, because none of them ever went."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.catalog import queries
from customhouse.catalog.lifecycle import may_restore
from customhouse.catalog.lifecycle_events import Restored
from customhouse.catalog.tables import project
from customhouse.index.subject import Subject, lock_subject, refuse_if, row_of
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class Restore:
    """A wish to undo one deletion: of a project, of a release or of one file."""

    project: str
    version: str = ""
    filename: str = ""
    by: Actor = COMMAND_LINE


def restore(command: Restore, tx: Tx) -> list[str]:
    """Undo a deletion at the level at which it was done; returns the names of the files that are listed again.

    What had been deleted one by one before stays deleted; so does what lies under something that is still deleted.
    """
    subject = lock_subject(tx, command.project, command.version, command.filename, command.by)
    refuse_if(may_restore(subject.project, subject.standing.role, operator=command.by.operator))
    if subject.file is not None and subject.file.erased_at is not None:
        raise Refused("erased", f"{subject.filename} was erased; nobody has its bytes.", status=410)
    table, row_id = row_of(subject)
    if table is project and (upstream := queries.upstream_of(tx.sql, subject.project.normalized)):
        raise Refused(
            "name-upstream", f"The name was handed over to the upstream {upstream}, which supplies it now.",
            "An operator can adopt the name back: customhouse name adopt.", status=409,
        )  # fmt: skip
    mine = tx.sql.execute(sa.select(table.c.deleted_at).where(table.c.id == row_id)).scalar_one()
    if mine is None:
        above = "its release was" if subject.file is not None and subject.file.deleted_at is not None else "it was not"
        raise Refused("not-deleted", f"{_what(subject)}: {above} deleted.", "Name what was deleted.", status=409)
    before = {row.id for row in queries.files_of(tx.sql, subject.project.id) if row.listed}
    tx.sql.execute(table.update().where(table.c.id == row_id).values(deleted_at=None, delete_reason=""))
    after = [row for row in queries.files_of(tx.sql, subject.project.id) if row.listed]
    back = [row.filename for row in after if table is project or row.id not in before]
    tx.record(
        Restored(
            command.by.identity, subject.project.normalized, version=subject.version, filename=subject.filename,
            files=tuple(back),
        )
    )  # fmt: skip
    return back


def _what(subject: Subject) -> str:
    return subject.filename or subject.version or subject.project.display
