"""Releases that wait for people, as every room reads them: upload sessions (PEP 694) and their files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.staged_tables import upload_file, upload_part, upload_session
from customhouse.formats.bundled.model import BundledScan
from customhouse.formats.manifest import manifest_digest

SessionState = Literal["open", "processing", "error", "published", "canceled"]
FileState = Literal["pending", "processing", "completed", "error", "canceled"]
ONGOING = ("open", "processing", "error")
"""The states in which a session holds its (name, version)."""


@dataclass(frozen=True, slots=True)
class Session:
    """An upload session: one release that is being made."""

    id: str
    stage: str
    """The secret part of its stage's address."""
    normalized: str
    display: str
    version: str
    project_id: int | None
    """None: its publication makes the project."""
    organization_id: int | None
    account_id: int | None
    publisher_id: int | None
    protocol: Literal["2.0", "legacy"]
    state: SessionState
    reasons: list[dict[str, str]]
    """Why it waits for people: code and sentence each, as they were found when its files came in."""
    notices: list[str]
    created_at: datetime
    changed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    embargo: str
    """The disclosure case that alone may know of it, by its public id; empty for every other session."""

    @property
    def ongoing(self) -> bool:
        """Whether it can still be published."""
        return self.state in ONGOING


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of a session, without its metadata text. What the artifact says is None until it has been examined."""

    id: str
    session_id: str
    key: str
    filename: str
    size_bytes: int
    hashes: dict[str, str]
    mechanism: str
    state: FileState
    notices: list[str]
    account_id: int | None
    publisher_id: int | None
    token_id: str
    stages_only: bool
    """Whether who sent it may only stage, so that people publish it."""
    created_at: datetime
    expires_at: datetime
    attestations: str | None
    attested: Any | None
    received_at: datetime | None
    digest: str | None
    md5: str | None
    blake2b_256: str | None
    kind: Literal["bdist_wheel", "sdist"] | None
    metadata_digest: str | None
    metadata_size_bytes: int | None
    metadata_served: bool | None
    signals: list[dict[str, str]] | None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that is in the store. Sizes in bytes, the digest SHA-256 in hexadecimal."""

    offset: int
    size_bytes: int
    digest: str


_SESSION = [upload_session.c[name] for name in Session.__slots__]
_FILE = [upload_file.c[name] for name in StagedFile.__slots__]
# Made once: building a statement costs more than running it.
_BY_ID = sa.select(*_SESSION).where(upload_session.c.id == sa.bindparam("id"))
_BY_ID_LOCKED = _BY_ID.with_for_update()
_BY_STAGE = sa.select(*_SESSION).where(upload_session.c.stage == sa.bindparam("stage"))
_OF_PROJECT = (
    sa.select(*_SESSION)
    .where(upload_session.c.normalized == sa.bindparam("normalized"), upload_session.c.state.in_(ONGOING))
    .order_by(upload_session.c.created_at, upload_session.c.id)
)
_FILES = (
    sa.select(*_FILE)
    .where(upload_file.c.session_id == sa.bindparam("session"), upload_file.c.state != "canceled")
    .order_by(upload_file.c.filename)
)

_ONE_FILE = sa.select(*_FILE).where(
    upload_file.c.session_id == sa.bindparam("session"), upload_file.c.id == sa.bindparam("id")
)
_PARTS = (
    sa.select(upload_part.c.offset, upload_part.c.size_bytes, upload_part.c.digest)
    .where(upload_part.c.file_id == sa.bindparam("file"))
    .order_by(upload_part.c.offset)
)


def find_session(sql: Connection, session_id: str, *, lock: bool = False) -> Session | None:
    """The session of that id; ``lock`` keeps rival writers of the same session waiting until commit."""
    row = sql.execute(_BY_ID_LOCKED if lock else _BY_ID, {"id": session_id}).one_or_none()
    return Session(*row) if row is not None else None


def session_of_stage(sql: Connection, stage: str) -> Session | None:
    """The session whose stage has that secret address."""
    row = sql.execute(_BY_STAGE, {"stage": stage}).one_or_none()
    return Session(*row) if row is not None else None


def ongoing_sessions(sql: Connection, normalized: str, *, embargoed: bool = False) -> list[Session]:
    """The sessions of a project that can still be published, oldest first; those under embargo only if asked for."""
    found = [Session(*row) for row in sql.execute(_OF_PROJECT, {"normalized": normalized})]
    return [one for one in found if embargoed or not one.embargo]


def files_of_session(sql: Connection, session_id: str) -> list[StagedFile]:
    """The files of a session that are not canceled, by name."""
    return [StagedFile(*row) for row in sql.execute(_FILES, {"session": session_id})]


def session_of_file(sql: Connection, file_id: str) -> str | None:
    """The id of the session that a file belongs to, whatever became of either."""
    return sql.execute(sa.select(upload_file.c.session_id).where(upload_file.c.id == file_id)).scalar_one_or_none()


def find_staged_file(sql: Connection, session_id: str, file_id: str) -> StagedFile | None:
    """That file of the session, a canceled one too."""
    row = sql.execute(_ONE_FILE, {"session": session_id, "id": file_id}).one_or_none()
    return StagedFile(*row) if row is not None else None


def parts_of(sql: Connection, file_id: str) -> list[Part]:
    """The parts of a file that are in the store, by offset."""
    return [Part(*row) for row in sql.execute(_PARTS, {"file": file_id})]


def attach_sessions(sql: Connection, normalized: str, project_id: int) -> None:
    """Say in every session of a name that its project exists from now on."""
    sql.execute(
        upload_session.update()
        .where(upload_session.c.normalized == normalized, upload_session.c.project_id.is_(None))
        .where(upload_session.c.state.in_(ONGOING))
        .values(project_id=project_id)
    )


def staged_metadata(sql: Connection, file_id: str) -> bytes:
    """The packed METADATA or PKG-INFO of a file that has been examined."""
    return sql.execute(sa.select(upload_file.c.metadata).where(upload_file.c.id == file_id)).scalar_one()  # type: ignore[no-any-return]


def staged_bundled(sql: Connection, file_id: str) -> BundledScan | None:
    """What a completed wheel bundles; None if it was completed before anybody looked."""
    found = sql.execute(sa.select(upload_file.c.bundled).where(upload_file.c.id == file_id)).scalar_one()
    return BundledScan.from_dict(found) if found is not None else None


def manifest_digest_of(files: list[StagedFile]) -> str:
    """The digest that people approve, of the files that are complete."""
    return manifest_digest((one.filename, one.digest or "") for one in files if one.state == "completed")
