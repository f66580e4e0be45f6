"""A file that came by the legacy upload and must wait for people: it becomes a completed file of its release's session.

So twine and everything else that was made before PEP 694 can publish into projects whose releases wait.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.catalog import queries
from customhouse.catalog.staged import Session, StagedFile, files_of_session, find_session
from customhouse.catalog.staged_tables import upload_file
from customhouse.index.approving.model import Reason
from customhouse.index.publication import Accepted, StoredFile, earlier_upload, file_exists
from customhouse.index.staging.add_file import AddFile, insert_file, refuse_too_many_files, refuse_unless_room
from customhouse.index.staging.complete import write_completed
from customhouse.index.staging.open_session import OpenSession, SessionExists, open_session
from customhouse.index.staging.policy import LEGACY, Policy
from customhouse.index.staging.rights import refuse_unless_editable
from customhouse.infra import sweep_marks
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.names import ProjectName
from customhouse.trust.attestations import to_json


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that was taken and waits with its release."""

    project: str
    """Normalised."""
    version: str
    session_id: str
    filename: str
    sha256: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class StageUpload:
    """A file that has been examined and whose bytes lie in the store."""

    stored: StoredFile
    policy: Policy
    seen_marks: sweep_marks.Seen


def stage_upload(command: StageUpload, tx: Tx) -> Waiting | Accepted:
    """Put the file into the session of its release, made if need be. The same bytes again are no fault."""
    stored, by = command.stored, command.stored.by
    wanted, version = ProjectName.parse(stored.metadata.name), str(stored.name.version)
    session = _session(tx, command, wanted, version)
    refuse_unless_editable(session, tx.now())
    if (earlier := earlier_upload(tx.sql, stored.name, stored.digest)) is not None:
        return earlier
    here = _here(tx, session, stored)
    if here is not None:
        reasons = tuple(Reason.of(row) for row in session.reasons)
        return Waiting(session.normalized, version, session.id, here.filename, stored.digest, reasons)
    project = queries.find_project(tx.sql, wanted.normalized)
    refuse_unless_room(tx, session, project, stored.size_bytes, command.policy)
    refuse_too_many_files(tx, session)
    announced = AddFile(
        session.id, stored.name.filename, stored.size_bytes, {"sha256": stored.digest}, LEGACY, by, command.policy
    )
    row = insert_file(tx, session, stored.name, announced)
    reasons = write_completed(tx, row, session, project, stored, to_json(stored.attested) or None)
    tx.serialize()
    sweep_marks.check_unchanged(tx.sql, command.seen_marks)
    return Waiting(session.normalized, version, session.id, stored.name.filename, stored.digest, reasons)


def _session(tx: Tx, command: StageUpload, wanted: ProjectName, version: str) -> Session:
    wish = OpenSession(wanted, version, command.stored.by, command.policy, protocol="legacy")
    try:
        return open_session(wish, tx)
    except SessionExists as exists:
        found = find_session(tx.sql, exists.session_id, lock=True)
        if found is None:
            raise
        return found


def _here(tx: Tx, session: Session, stored: StoredFile) -> StagedFile | None:
    """The very same file if it waits there already; one that failed makes room, any other is in the way."""
    found = next((one for one in files_of_session(tx.sql, session.id) if one.key == stored.name.key), None)
    if found is None:
        return None
    if found.state == "error":
        tx.sql.execute(sa.update(upload_file).where(upload_file.c.id == found.id).values(state="canceled"))
        return None
    if found.state != "completed":
        raise Refused(
            "file-in-session", f"{found.filename!r} is being uploaded into the release that waits.", "Wait for that.",
            status=409,
        )  # fmt: skip
    if found.digest != stored.digest:
        raise file_exists(f"{found.filename!r} waits for its release with other contents")
    return found
