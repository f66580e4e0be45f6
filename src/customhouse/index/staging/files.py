"""Files of sessions: finding one for a deed, and what their rows say once they were examined."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.accounts.users import find_user_by_id
from customhouse.catalog import queries
from customhouse.catalog.model import Project
from customhouse.catalog.staged import (
    Session,
    StagedFile,
    find_staged_file,
    session_of_file,
    session_of_stage,
    staged_bundled,
    staged_metadata,
)
from customhouse.formats.filenames import parse_filename
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.index.publication import StoredFile
from customhouse.index.staging.rights import Wish, look_at, subject
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Broken, Refused
from customhouse.terms.identity import ANONYMOUS, Actor
from customhouse.terms.scope import WHOLE, scope_for
from customhouse.trust.attestations import from_json
from customhouse.trust.publishers import find_publisher


def unknown_file() -> Refused:
    """There is no such file in the session."""
    return Refused("no-such-file", "There is no such file in this session.", status=404)


def file_subject(
    tx: Tx, file_id: str, by: Actor | None, wish: Wish = "stage"
) -> tuple[StagedFile, Session, Project | None]:
    """A file of a session for a deed about it, everything locked; raises `Refused`."""
    session, project = subject(tx, session_of_file(tx.sql, file_id), by, wish)
    found = find_staged_file(tx.sql, session.id, file_id)
    if found is None:
        raise unknown_file()
    return found, session, project


def look_at_file(sql: Connection, stage: str, file_id: str, by: Actor, now: datetime) -> tuple[StagedFile, Session]:
    """A file, by the secret of its session's stage, for somebody who may know of the session."""
    found = session_of_stage(sql, stage)
    session = look_at(sql, found.id if found is not None else None, by, now)
    file = find_staged_file(sql, session.id, file_id)
    if file is None:
        raise unknown_file()
    return file, session


def refuse_unless_pending(file: StagedFile) -> None:
    """Bytes come, and are completed, only while a file is pending."""
    if file.state != "pending":
        raise Refused(
            "file-not-pending", f"The upload of {file.filename!r} is {file.state}.",
            "Delete the file and announce it again to replace it.", status=409,
        )  # fmt: skip


def refuse_other_sender(file: StagedFile, by: Actor) -> None:
    """All that is sent of a file comes from who announced it, so that it is known who answers for it.

    Else somebody could let a machine finish what he has sent, and approve his own bytes as if they were another's.
    """
    if (file.account_id, file.publisher_id) != (by.account_id, by.publisher_id):
        raise Refused(
            "file-of-another", f"{file.filename!r} was announced by somebody else.",
            "Let him send it, or delete it and announce it yourself.", status=409,
        )  # fmt: skip


def stored_of(sql: Connection, file: StagedFile) -> StoredFile:
    """What the row of a completed file will say when it is published."""
    if (
        file.digest is None or file.md5 is None or file.blake2b_256 is None or file.kind is None
        or file.metadata_digest is None or file.metadata_size_bytes is None or file.metadata_served is None
    ):  # fmt: skip
        raise Broken(f"The staged file {file.id} is completed and was never examined.")
    packed = staged_metadata(sql, file.id)
    return StoredFile(
        name=parse_filename(file.filename),
        kind=file.kind,
        digest=file.digest,
        md5=file.md5,
        blake2b_256=file.blake2b_256,
        size_bytes=file.size_bytes,
        metadata=parse_stored_metadata(queries.unpack_metadata(packed)),
        packed_metadata=packed,
        metadata_digest=file.metadata_digest,
        metadata_size_bytes=file.metadata_size_bytes,
        metadata_served=file.metadata_served,
        signals=tuple(file.signals or ()),
        by=sender_of(sql, file),
        bundled=staged_bundled(sql, file.id),
        attested=from_json(file.attested or ()),
    )


def sender_of(sql: Connection, file: StagedFile) -> Actor:
    """Who sent a file; of his token it is known whether it was for making releases ready only."""
    scope = scope_for(actions=["stage"]) if file.stages_only else WHOLE
    if file.account_id is not None:
        user = find_user_by_id(sql, file.account_id)
        return Actor(user.identity, file.account_id, scope=scope, token_id=file.token_id)
    if file.publisher_id is not None:
        identity = find_publisher(sql, file.publisher_id).identity
        return Actor(identity, scope=scope, token_id=file.token_id, publisher_id=file.publisher_id)
    return Actor(ANONYMOUS, scope=scope, token_id=file.token_id)
