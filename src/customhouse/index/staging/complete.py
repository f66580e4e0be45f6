"""Completing a file: it was examined, and is part of the release from now on. Or it was not, and is of no use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from customhouse.catalog import queries
from customhouse.catalog.model import Project
from customhouse.catalog.staged import Session, StagedFile, files_of_session, staged_metadata
from customhouse.catalog.staged_events import FileStaged, told
from customhouse.catalog.staged_tables import upload_file, upload_part, upload_session
from customhouse.formats.agreement import check_agreement
from customhouse.formats.api_token import redact
from customhouse.index.approving.model import Reason
from customhouse.index.approving.note_waiting import note_waiting
from customhouse.index.approving.waits import reasons_to_wait
from customhouse.index.publication import StoredFile
from customhouse.index.staging.files import file_subject, refuse_unless_pending, sender_of
from customhouse.index.staging.rights import refuse_unless_editable
from customhouse.infra import sweep_marks
from customhouse.ledger.events import UploadRefused
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor

EXAMINE_JOB = "examine-staged-file"
LONGEST_NOTICE = 1000


@dataclass(frozen=True, slots=True)
class Completion:
    """What is done about a file whose bytes are all there. ``by`` is None for the worker."""

    file_id: str
    by: Actor | None


def defer(command: Completion, tx: Tx) -> None:
    """Leave the examination to the worker; the file changes no more until it is over."""
    file, session, _project = file_subject(tx, command.file_id, command.by)
    refuse_unless_editable(session, tx.now())
    refuse_unless_pending(file)
    tx.sql.execute(upload_file.update().where(upload_file.c.id == file.id).values(state="processing"))
    tx.later(EXAMINE_JOB, {"file": file.id}, key=f"{EXAMINE_JOB}:{file.id}")


def complete_file(
    command: Completion, stored: StoredFile, attested: list[dict[str, Any]] | None, seen: sweep_marks.Seen, tx: Tx
) -> bool:
    """Write what the artifact says into the file's row; False if nobody waits for it any more.

    ``attested`` is what verifying its attestations has shown. The reasons why the release must wait for people are
    looked up now.
    """
    file, session, project = file_subject(tx, command.file_id, command.by)
    if command.by is not None:
        refuse_unless_editable(session, tx.now())
        refuse_unless_pending(file)
    elif not session.ongoing or file.state != "processing":
        return False
    if file.digest is not None and file.digest != stored.digest:
        raise Refused("bytes-replaced", "The bytes were replaced meanwhile.", "Complete the file again.", status=409)
    write_completed(tx, file, session, project, replace(stored, by=command.by or sender_of(tx.sql, file)), attested)
    tx.serialize()
    sweep_marks.check_unchanged(tx.sql, seen)
    return True


def write_completed(
    tx: Tx, file: StagedFile, session: Session, project: Project | None, stored: StoredFile,
    attested: list[dict[str, Any]] | None,
) -> tuple[Reason, ...]:  # fmt: skip
    """Write what the artifact says into the file's row; returns why its release waits for people."""
    _check_siblings(tx, file, session, stored)
    tx.sql.execute(
        upload_file.update()
        .where(upload_file.c.id == file.id)
        .values(
            state="completed",
            received_at=file.received_at or tx.now(),
            digest=stored.digest,
            md5=stored.md5,
            blake2b_256=stored.blake2b_256,
            kind=stored.kind,
            metadata_digest=stored.metadata_digest,
            metadata_size_bytes=stored.metadata_size_bytes,
            metadata_served=stored.metadata_served,
            metadata=stored.packed_metadata,
            signals=list(stored.signals),
            bundled=stored.bundled.to_dict() if stored.bundled is not None else sa.null(),
            attested=attested,
        )
    )
    tx.sql.execute(upload_part.delete().where(upload_part.c.file_id == file.id))
    touch(tx, session)
    staged = FileStaged(
        stored.by.identity,
        session.normalized,
        version=session.version,
        session=session.id,
        filename=stored.name.filename,
        sha256=stored.digest,
        size_bytes=stored.size_bytes,
        token_id=stored.by.token_id,
    )
    tx.record(told(session, staged))
    # Somebody else than who sent the bytes may have completed the file.
    sender = sender_of(tx.sql, file) if file.stages_only else stored.by
    reasons = reasons_to_wait(tx.sql, sender, project, session.version, (stored,), tx.now())
    return note_waiting(tx, session, reasons, stored.by.identity)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be completed."""

    file_id: str
    code: str
    sentence: str
    by: Actor | None


def fail_file(command: Failure, tx: Tx) -> None:
    """Note that a file is of no use: it can only be deleted (PEP 694)."""
    file, session, _project = file_subject(tx, command.file_id, command.by)
    if not session.ongoing or file.state not in ("pending", "processing"):
        return
    sentence = redact(command.sentence)[:LONGEST_NOTICE]
    tx.sql.execute(upload_file.update().where(upload_file.c.id == file.id).values(state="error", notices=[sentence]))
    tx.sql.execute(upload_part.delete().where(upload_part.c.file_id == file.id))
    sender = command.by or sender_of(tx.sql, file)
    refused = UploadRefused(
        sender.identity, session.normalized, filename=file.filename, code=command.code, sentence=sentence,
        token_id=sender.token_id,
    )  # fmt: skip
    tx.record(told(session, refused))


def touch(tx: Tx, session: Session) -> None:
    """Say that a session's files are others now: what was approved before counts no more."""
    tx.sql.execute(upload_session.update().where(upload_session.c.id == session.id).values(changed_at=tx.now()))


def _check_siblings(tx: Tx, file: StagedFile, session: Session, stored: StoredFile) -> None:
    """The files of a release do not contradict each other; those of before are compared when it is published."""
    others = [one for one in files_of_session(tx.sql, session.id) if one.state == "completed" and one.id != file.id]
    siblings = [
        (one.filename, one.kind or "", queries.unpack_metadata(staged_metadata(tx.sql, one.id))) for one in others
    ]
    if (same := next((one.filename for one in others if one.digest == stored.digest), None)) is not None:
        raise Rejected("same-bytes", "file", f"the same bytes are in this session as {same!r}", "each file once")
    check_agreement(stored.name.filename, stored.kind, stored.metadata, siblings)
