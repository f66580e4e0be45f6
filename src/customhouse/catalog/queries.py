"""Reads of the catalog. Every function takes an open connection and names what it returns."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from packaging.utils import canonicalize_version
from sqlalchemy.engine import Connection

from customhouse.catalog.model import File, Project, Release
from customhouse.catalog.staged_tables import upload_file, upload_part, upload_session
from customhouse.catalog.tables import file, name, project, release

_PROJECT = (
    project.c.id,
    project.c.normalized,
    project.c.display,
    project.c.created_at,
    project.c.status,
    project.c.status_reason,
    project.c.signals,
    project.c.successor,
    project.c.visibility,
    project.c.organization_id,
    project.c.deleted_at,
    project.c.delete_reason,
)
_FILE = (
    file.c.id,
    release.c.version,
    file.c.filename,
    file.c.kind,
    file.c.digest,
    file.c.md5,
    file.c.blake2b_256,
    file.c.size_bytes,
    file.c.uploaded_at,
    file.c.requires_python,
    sa.func.coalesce(file.c.yanked_at, release.c.yanked_at).label("yanked_at"),
    sa.case((file.c.yanked_at.is_not(None), file.c.yanked_reason), else_=release.c.yanked_reason).label(
        "yanked_reason"
    ),
    file.c.metadata_digest,
    file.c.metadata_size_bytes,
    file.c.metadata_served,
    file.c.signals,
    file.c.uploader_id,
    file.c.publisher_id,
    file.c.release_id,
    sa.func.coalesce(file.c.deleted_at, release.c.deleted_at).label("deleted_at"),
    sa.case((file.c.deleted_at.is_not(None), file.c.delete_reason), else_=release.c.delete_reason).label(
        "delete_reason"
    ),
    release.c.quarantined_at,
    release.c.quarantine_reason,
    file.c.erased_at,
)
_RELEASE = (
    release.c.id,
    release.c.version,
    release.c.created_at,
    release.c.yanked_at,
    release.c.yanked_reason,
    release.c.quarantined_at,
    release.c.quarantine_reason,
    release.c.deleted_at,
    release.c.delete_reason,
    release.c.reopened_at,
)


# Made once: building a statement costs more than running it, and an upload runs thirty.
_FIND = sa.select(*_PROJECT).where(project.c.normalized == sa.bindparam("normalized"))
_INSERT_PROJECT = project.insert().returning(*_PROJECT)
_FIND_AND_LOCK = _FIND.with_for_update()
_FILES = (
    sa.select(*_FILE)
    .join(release, release.c.id == file.c.release_id)
    .where(file.c.project_id == sa.bindparam("project"))
    .order_by(file.c.uploaded_at, file.c.id)
)
_LIVE_FILE = sa.exists().where(file.c.release_id == release.c.id, file.c.deleted_at.is_(None))
_VERSIONS = (
    sa.select(release.c.version)
    .where(release.c.project_id == sa.bindparam("project"), release.c.deleted_at.is_(None), _LIVE_FILE)
    .order_by(release.c.id)
)
_RELEASES = sa.select(*_RELEASE).where(release.c.project_id == sa.bindparam("project")).order_by(release.c.id)
_ONE_RELEASE = _RELEASES.where(release.c.version == sa.bindparam("version"))
# Every spelling of one version, and few others: a version has no character that means anything to LIKE.
_EQUAL_RELEASES = _RELEASES.where(
    sa.or_(release.c.version == sa.bindparam("shortest"), release.c.version.like(sa.bindparam("longer")))
)
_NUMBERS = re.compile(r"(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*")
# What `model.offered` says of a file, in SQL.
_LISTED = (
    file.c.deleted_at.is_(None), file.c.erased_at.is_(None), release.c.deleted_at.is_(None),
    release.c.quarantined_at.is_(None), project.c.status != "quarantined",
)  # fmt: skip
_LISTED_FILE = (
    sa.select(file.c.id, release.c.version)
    .join(release, release.c.id == file.c.release_id)
    .join(project, project.c.id == file.c.project_id)
    .where(
        file.c.project_id == sa.bindparam("project"), file.c.filename == sa.bindparam("filename"),
        project.c.deleted_at.is_(None), *_LISTED,
    )
)  # fmt: skip
_PUBLIC = sa.and_(project.c.visibility == "public", project.c.deleted_at.is_(None))
_SIBLINGS = (
    sa.select(file.c.filename, file.c.kind, file.c.metadata)
    .join(release, release.c.id == file.c.release_id)
    .where(
        release.c.project_id == sa.bindparam("project"),
        release.c.version == sa.bindparam("version"),
        # The deleted count too: restoring one must not make the release contradict itself.
        file.c.erased_at.is_(None),
    )
    .order_by(file.c.id)
)
# A session that has ended needs nothing of the store any more: what it published has rows of its own.
_BEING_MADE = (
    upload_file.c.state != "canceled",
    upload_file.c.session_id.in_(
        sa.select(upload_session.c.id).where(upload_session.c.state.in_(("open", "processing", "error")))
    ),
)


class NameClaim(NamedTuple):
    """A name that is taken, by us, by upstream or by decree."""

    normalized: str
    state: str


class NewestRelease(NamedTuple):
    """One line of the front page."""

    display: str
    normalized: str
    version: str
    created_at: datetime
    metadata: bytes


def find_project(sql: Connection, normalized: str, *, lock: bool = False) -> Project | None:
    """The project of that normalised name; ``lock`` keeps rival writers of the same project waiting until commit."""
    row = sql.execute(_FIND_AND_LOCK if lock else _FIND, {"normalized": normalized}).one_or_none()
    return Project(*row) if row else None


def insert_project(
    sql: Connection, normalized: str, *, display: str, created_at: datetime, signals: Mapping[str, object]
) -> Project:
    """Write a new project, active, and return it as it was stored."""
    values = {"normalized": normalized, "display": display, "created_at": created_at, "signals": dict(signals)}
    return Project(*sql.execute(_INSERT_PROJECT, values).one())


def find_claim(sql: Connection, normalized: str, ultranormalized: str) -> NameClaim | None:
    """Who holds this name or one that looks the same, the exact name first."""
    rows = sql.execute(
        sa.select(name.c.normalized, name.c.state).where(
            sa.or_(
                name.c.normalized == normalized,
                sa.and_(name.c.ultranormalized == ultranormalized, name.c.state != "upstream"),
            )
        )
    ).all()
    return min((NameClaim(*row) for row in rows), key=lambda claim: claim.normalized != normalized, default=None)


def upstream_of(sql: Connection, normalized: str) -> str:
    """Which upstream supplies a name; empty if none does, or nobody has written down which."""
    found = sql.execute(sa.select(name.c.upstream).where(name.c.normalized == normalized, name.c.state == "upstream"))
    return found.scalar() or ""


def files_of(sql: Connection, project_id: int) -> list[File]:
    """Every file of a project, oldest first: those too that stand in no listing (see `model.offered`)."""
    rows = sql.execute(_FILES, {"project": project_id})
    return [File(**row._mapping) for row in rows]  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling


def versions_of(sql: Connection, project_id: int) -> list[str]:
    """The canonical versions that are not deleted, those too whose files are all quarantined."""
    return list(sql.execute(_VERSIONS, {"project": project_id}).scalars())


def releases_of(sql: Connection, project_id: int) -> list[Release]:
    """Every release of a project, oldest first, the deleted too."""
    rows = sql.execute(_RELEASES, {"project": project_id})
    return [Release(**row._mapping) for row in rows]  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling


def find_release(sql: Connection, project_id: int, version: str) -> Release | None:
    """The release of that canonical version, deleted or not."""
    row = sql.execute(_ONE_RELEASE, {"project": project_id, "version": version}).one_or_none()
    return Release(**row._mapping) if row else None  # noqa: SLF001 - as above


def find_equal_release(sql: Connection, project_id: int, version: str) -> Release | None:
    """The release of that canonical version; if there is none, of one that is equal to it, as 1.0 is to 1.0.0.

    Deleted or not. A project may have both spellings from before only one was taken.
    """
    shortest = canonicalize_version(version)
    numbers = _NUMBERS.match(shortest)
    end = numbers.end() if numbers else len(shortest)
    ids = {"project": project_id, "shortest": shortest, "longer": f"{shortest[:end]}.0%{shortest[end:]}"}
    equal = [row for row in sql.execute(_EQUAL_RELEASES, ids) if canonicalize_version(row.version) == shortest]
    row = min(equal, key=lambda one: (one.version != version, one.id), default=None)
    return Release(**row._mapping) if row else None  # noqa: SLF001 - as above


def metadata_text(sql: Connection, file_id: int) -> str:
    """The METADATA or PKG-INFO of a file."""
    return unpack_metadata(sql.execute(sa.select(file.c.metadata).where(file.c.id == file_id)).scalar_one())


def release_metadata(sql: Connection, project_id: int, version: str) -> list[tuple[str, str, str]]:
    """File name, kind and metadata text of every file of one release."""
    rows = sql.execute(_SIBLINGS, {"project": project_id, "version": version})
    return [(row.filename, row.kind, unpack_metadata(row.metadata)) for row in rows]


def listed_names(sql: Connection) -> list[str]:
    """The display name of every project that strangers may know of, sorted by normalised name."""
    return list(sql.execute(sa.select(project.c.display).where(_PUBLIC).order_by(project.c.normalized)).scalars())


def counts(sql: Connection) -> tuple[int, int, int]:
    """How many projects, files and bytes we offer to everybody."""
    projects = sql.execute(sa.select(sa.func.count()).select_from(project).where(_PUBLIC)).scalar_one()
    files, size_bytes = sql.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(file.c.size_bytes), 0))
        .select_from(file)
        .join(release, release.c.id == file.c.release_id)
        .join(project, project.c.id == file.c.project_id)
        .where(_PUBLIC, *_LISTED)
    ).one()
    return projects, files, int(size_bytes)


def newest_releases(sql: Connection, *, limit: int) -> list[NewestRelease]:
    """The releases that appeared last, newest first, each with the packed metadata of its first file."""
    first_file = (
        sa.select(sa.func.min(file.c.id))
        .where(file.c.release_id == release.c.id, file.c.deleted_at.is_(None), file.c.erased_at.is_(None))
        .correlate(release)
        .scalar_subquery()
    )
    rows = sql.execute(
        sa.select(project.c.display, project.c.normalized, release.c.version, release.c.created_at, file.c.metadata)
        .select_from(release)
        .join(project, project.c.id == release.c.project_id)
        .join(file, file.c.id == first_file)
        .where(_PUBLIC, *_LISTED)
        .order_by(release.c.id.desc())
        .limit(limit)
    )
    return [NewestRelease(*row) for row in rows]


def listed_file(sql: Connection, project_id: int, filename: str) -> tuple[int, str] | None:
    """The id and the version of a project's file that stands in listings; None if there is none of that name."""
    row = sql.execute(_LISTED_FILE, {"project": project_id, "filename": filename}).one_or_none()
    return (row.id, row.version) if row else None


def known_digests(sql: Connection, digests: list[str]) -> set[str]:
    """Which of these digests a row needs: a file, its metadata, or a release that is being made.

    An erased file needs neither, nor does a session that is over.
    """
    here = file.c.erased_at.is_(None)
    found = set(sql.execute(sa.select(file.c.digest).where(file.c.digest.in_(digests), here)).scalars())
    found |= set(
        sql.execute(
            sa.select(file.c.metadata_digest).where(file.c.metadata_digest.in_(digests), file.c.metadata_served, here)
        ).scalars()
    )
    return found | digests_of_sessions(sql, digests)


def digests_of_sessions(sql: Connection, digests: list[str]) -> set[str]:
    """Which of these digests a release needs that is being made: its files, their metadata and their parts."""
    found: set[str] = set()
    for column in (upload_file.c.digest, upload_file.c.metadata_digest):
        found |= set(sql.execute(sa.select(column).where(column.in_(digests)).where(*_BEING_MADE)).scalars())
    query = sa.select(upload_part.c.digest).join(upload_file, upload_file.c.id == upload_part.c.file_id)
    found |= set(sql.execute(query.where(upload_part.c.digest.in_(digests), *_BEING_MADE)).scalars())
    return found


def pack_metadata(text: str) -> bytes:
    """Metadata as the `file` table keeps it."""
    return zlib.compress(text.encode(), 6)


def unpack_metadata(packed: bytes) -> str:
    """The inverse of `pack_metadata`."""
    return zlib.decompress(packed).decode()
