"""Reads of the catalog. Every function takes an open connection and names what it returns."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.model import File, Project, Role
from customhouse.catalog.tables import file, name, project, project_role, release

_PROJECT = (
    project.c.id,
    project.c.normalized,
    project.c.display,
    project.c.created_at,
    project.c.status,
    project.c.status_reason,
    project.c.signals,
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
    file.c.yanked_at,
    file.c.yanked_reason,
    file.c.metadata_digest,
    file.c.metadata_size_bytes,
    file.c.metadata_served,
    file.c.signals,
)


# Made once: building a statement costs more than running it, and an upload runs thirty.
_FIND = sa.select(*_PROJECT).where(project.c.normalized == sa.bindparam("normalized"))
_INSERT_PROJECT = project.insert().returning(*_PROJECT)
_FIND_AND_LOCK = _FIND.with_for_update()
_ROLE = sa.select(project_role.c.role).where(
    project_role.c.project_id == sa.bindparam("project"), project_role.c.account_id == sa.bindparam("account")
)
_FILES = (
    sa.select(*_FILE)
    .join(release, release.c.id == file.c.release_id)
    .where(file.c.project_id == sa.bindparam("project"))
    .order_by(file.c.uploaded_at, file.c.id)
)
_VERSIONS = sa.select(release.c.version).where(release.c.project_id == sa.bindparam("project")).order_by(release.c.id)
_SIBLINGS = (
    sa.select(file.c.filename, file.c.kind, file.c.metadata)
    .join(release, release.c.id == file.c.release_id)
    .where(release.c.project_id == sa.bindparam("project"), release.c.version == sa.bindparam("version"))
    .order_by(file.c.id)
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


def role_of(sql: Connection, project_id: int, account_id: int) -> Role | None:
    """What somebody may do with a project."""
    return sql.execute(_ROLE, {"project": project_id, "account": account_id}).scalar_one_or_none()


def files_of(sql: Connection, project_id: int) -> list[File]:
    """Every file of a project, oldest first."""
    rows = sql.execute(_FILES, {"project": project_id})
    return [File(**row._mapping) for row in rows]  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling


def versions_of(sql: Connection, project_id: int) -> list[str]:
    """Every canonical version of a project, including those without files."""
    return list(sql.execute(_VERSIONS, {"project": project_id}).scalars())


def metadata_text(sql: Connection, file_id: int) -> str:
    """The METADATA or PKG-INFO of a file."""
    return unpack_metadata(sql.execute(sa.select(file.c.metadata).where(file.c.id == file_id)).scalar_one())


def release_metadata(sql: Connection, project_id: int, version: str) -> list[tuple[str, str, str]]:
    """File name, kind and metadata text of every file of one release."""
    rows = sql.execute(_SIBLINGS, {"project": project_id, "version": version})
    return [(row.filename, row.kind, unpack_metadata(row.metadata)) for row in rows]


def owners_of(sql: Connection, project_id: int) -> list[tuple[int, Role]]:
    """Account ids and roles, owners first."""
    rows = sql.execute(
        sa.select(project_role.c.account_id, project_role.c.role)
        .where(project_role.c.project_id == project_id)
        .order_by(project_role.c.role.desc(), project_role.c.account_id)
    )
    return [(row.account_id, row.role) for row in rows]


def listed_names(sql: Connection) -> list[str]:
    """The display name of every project, sorted by normalised name."""
    return list(sql.execute(sa.select(project.c.display).order_by(project.c.normalized)).scalars())


def counts(sql: Connection) -> tuple[int, int, int]:
    """How many projects, files and bytes we host."""
    projects = sql.execute(sa.select(sa.func.count()).select_from(project)).scalar_one()
    files, size_bytes = sql.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(file.c.size_bytes), 0)).select_from(file)
    ).one()
    return projects, files, int(size_bytes)


def newest_releases(sql: Connection, *, limit: int) -> list[NewestRelease]:
    """The releases that appeared last, newest first, each with the packed metadata of its first file."""
    first_file = (
        sa.select(sa.func.min(file.c.id)).where(file.c.release_id == release.c.id).correlate(release).scalar_subquery()
    )
    rows = sql.execute(
        sa.select(project.c.display, project.c.normalized, release.c.version, release.c.created_at, file.c.metadata)
        .select_from(release)
        .join(project, project.c.id == release.c.project_id)
        .join(file, file.c.id == first_file)
        .where(project.c.status != "quarantined")
        .order_by(release.c.id.desc())
        .limit(limit)
    )
    return [NewestRelease(*row) for row in rows]


def project_of_file(sql: Connection, filename: str) -> str | None:
    """The normalised name of the project that a file belongs to."""
    return sql.execute(
        sa.select(project.c.normalized).join(file, file.c.project_id == project.c.id).where(file.c.filename == filename)
    ).scalar_one_or_none()


def known_digests(sql: Connection, digests: list[str]) -> set[str]:
    """Which of these digests a row names, as a file or as its metadata."""
    found = set(sql.execute(sa.select(file.c.digest).where(file.c.digest.in_(digests))).scalars())
    found |= set(
        sql.execute(
            sa.select(file.c.metadata_digest).where(file.c.metadata_digest.in_(digests), file.c.metadata_served)
        ).scalars()
    )
    return found


def pack_metadata(text: str) -> bytes:
    """Metadata as the `file` table keeps it."""
    return zlib.compress(text.encode(), 6)


def unpack_metadata(packed: bytes) -> str:
    """The inverse of `pack_metadata`."""
    return zlib.decompress(packed).decode()
