"""Taking a file out of a session, in whatever state it is but while it is examined."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.catalog.staged_events import StagedFileRemoved, told
from customhouse.catalog.staged_tables import upload_file, upload_part
from customhouse.index.staging.complete import touch
from customhouse.index.staging.files import file_subject
from customhouse.index.staging.rights import refuse_unless_editable
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """A wish that a file is not part of the release."""

    file_id: str
    by: Actor


def delete_file(command: DeleteFile, tx: Tx) -> None:
    """Cancel a file; deleting it again is harmless. Another one of its name may be announced then."""
    file, session, _project = file_subject(tx, command.file_id, command.by)
    if file.state == "canceled":
        return
    refuse_unless_editable(session, tx.now())
    if file.state == "processing":
        raise Refused(
            "file-processing", f"{file.filename!r} is being examined.", "Wait until that is decided.", status=409
        )
    tx.sql.execute(
        upload_file.update()
        .where(upload_file.c.id == file.id)
        .values(state="canceled", metadata=None, attestations=None)
    )
    tx.sql.execute(upload_part.delete().where(upload_part.c.file_id == file.id))
    if file.state == "completed":
        touch(tx, session)
        removed = StagedFileRemoved(
            command.by.identity, session.normalized, version=session.version, session=session.id,
            filename=file.filename,
        )  # fmt: skip
        tx.record(told(session, removed))
