"""Announcing a file of a session, before its bytes come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.catalog import queries, quotas
from customhouse.catalog.model import Project, may_add_file
from customhouse.catalog.quotas import Usage
from customhouse.catalog.staged import Session, StagedFile, find_staged_file
from customhouse.catalog.staged_tables import upload_file
from customhouse.catalog.tables import file_name
from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.index.approving.only_stages import only_stages
from customhouse.index.may_publish import refuse_unless_ready
from customhouse.index.publication import refuse_if
from customhouse.index.publisher import Publisher
from customhouse.index.staging.policy import MECHANISMS, MOST_FILES, Policy
from customhouse.index.staging.rights import refuse_unless_editable, subject
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor
from customhouse.terms.names import normalize

LARGEST = 2**53
"""The largest number that every reader of JSON reads alike."""


@dataclass(frozen=True, slots=True)
class AddFile:
    """A wish to send a file."""

    session_id: str
    filename: str
    size_bytes: int
    hashes: Mapping[str, str]
    """As `hashes.check_hashes` returns them."""
    mechanism: str
    by: Actor
    policy: Policy


def add_file(command: AddFile, tx: Tx) -> StagedFile:
    """Note a file that is to come. What is known to be in its way is told now; publishing looks again."""
    session, project = subject(tx, command.session_id, command.by)
    refuse_unless_editable(session, tx.now())
    name = _parse(command, session)
    if command.mechanism not in MECHANISMS:
        raise Refused(
            "unknown-mechanism", f"There is no mechanism {command.mechanism[:60]!r} here.", ", ".join(MECHANISMS),
            status=422,
        )  # fmt: skip
    _refuse_taken(tx, session, name)
    if project is not None:
        refuse_unless_ready(tx.sql, Publisher(command.by, project, tx.now(), command.policy.site))
        found = queries.find_release(tx.sql, project.id, session.version)
        refuse_if(may_add_file(found, command.policy.open_for, tx.now()) if found is not None else None)
    refuse_unless_room(tx, session, project, command.size_bytes, command.policy)
    return insert_file(tx, session, name, command)


def insert_file(tx: Tx, session: Session, name: WheelName | SdistName, command: AddFile) -> StagedFile:
    """Write the row of a file that is to come."""
    file_id = new_id()
    tx.sql.execute(
        upload_file.insert(),
        {
            "id": file_id,
            "session_id": session.id,
            "key": name.key,
            "filename": name.filename,
            "size_bytes": command.size_bytes,
            "hashes": dict(command.hashes),
            "mechanism": command.mechanism,
            "state": "pending",
            "notices": [],
            "account_id": command.by.account_id,
            "publisher_id": command.by.publisher_id,
            "token_id": command.by.token_id,
            "stages_only": only_stages(tx.sql, session.project_id, command.by),
            "created_at": tx.now(),
            "expires_at": session.expires_at,
        },
    )
    found = find_staged_file(tx.sql, session.id, file_id)
    if found is None:
        raise LookupError("a row that was written just now")
    return found


def refuse_too_many_files(tx: Tx, session: Session) -> None:
    """So many files are in one session, those counted that were deleted again."""
    count = sa.select(sa.func.count()).select_from(upload_file).where(upload_file.c.session_id == session.id)
    if tx.sql.execute(count).scalar_one() >= MOST_FILES:
        raise Refused(
            "too-many-files", f"{MOST_FILES} files of this session were announced already.", "Make a new session.",
            status=409,
        )  # fmt: skip


def refuse_unless_room(
    tx: Tx, session: Session, project: Project | None, size_bytes: int, policy: Policy, *, here_bytes: int = 0
) -> None:
    """Raise `Refused` (409) if the file is too large, or too much for its project with all that waits there.

    ``here_bytes`` of what waits are those of the file itself.
    """
    if project is not None:
        usage = quotas.usage_of(tx.sql, project.id, policy.limits)
    else:
        usage = quotas.usage_of_new(tx.sql, session.organization_id, policy.limits)
        usage = Usage(usage.used_bytes + quotas.staged_bytes(tx.sql, session.normalized), usage.limits)
    refusal = quotas.may_store(size_bytes, Usage(usage.used_bytes - here_bytes, usage.limits), session.display)
    if refusal is not None:
        raise Refused(refusal.code, refusal.sentence, refusal.accepted, status=409)


def _parse(command: AddFile, session: Session) -> WheelName | SdistName:
    name = parse_filename(command.filename, linux_tags=command.policy.linux_tags)
    if normalize(name.name) != session.normalized:
        raise Rejected(
            "name-mismatch", "filename", f"{name.filename!r} is no file of {session.display!r}",
            f"files of {session.display} {session.version}",
        )  # fmt: skip
    if str(name.version) != session.version:
        raise Rejected(
            "version-mismatch", "filename", f"{name.filename!r} is of version {name.version}",
            f"files of {session.display} {session.version}",
        )  # fmt: skip
    if not 1 <= command.size_bytes <= LARGEST:
        raise Rejected("bad-size", "size", f"{command.size_bytes} is no size of a file", "the file's size in bytes")
    return name


def _refuse_taken(tx: Tx, session: Session, name: WheelName | SdistName) -> None:
    """What is in this session must be deleted first; what was ever published stays as it is (PEP 694)."""
    rows = tx.sql.execute(
        sa.select(upload_file.c.key, upload_file.c.state).where(upload_file.c.session_id == session.id)
    ).all()
    here = next((row.state for row in rows if row.key == name.key and row.state != "canceled"), None)
    if here is not None:
        raise Refused(
            "file-in-session", f"{name.filename!r} is in this session already, {here}.", "Delete it first.", status=409
        )
    refuse_too_many_files(tx, session)
    if tx.sql.execute(sa.select(file_name.c.filename).where(file_name.c.key == name.key)).first() is not None:
        raise Refused(
            "file-exists", f"{name.filename!r} has been published already, and a name is never used again.",
            "Release a new version.", status=409,
        )  # fmt: skip
