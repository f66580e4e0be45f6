"""Reading what upstreams have said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.mirror.object_rows import Kept, kept_of_project
from customhouse.mirror.object_tables import mirrored_object
from customhouse.mirror.tables import mirror_file, mirror_project, upstream_check, upstream_health

_WANTED: sa.BindParameter[str] = sa.bindparam("wanted")
_PROJECT = (
    sa.select(mirror_project, upstream_check.c.checked_at)
    .outerjoin(upstream_check, upstream_check.c.name == mirror_project.c.name)
    .where(mirror_project.c.name == _WANTED)
)
_FILES = sa.select(mirror_file).where(mirror_file.c.name == _WANTED).order_by(mirror_file.c.filename)
_CHECKED = sa.select(upstream_check.c.checked_at).where(upstream_check.c.name == _WANTED)


def mirrored_project(sql: Connection, normalized: str) -> MirroredProject | None:
    """What an upstream said of a project when it was last asked, or None if none has ever had it."""
    row = sql.execute(_PROJECT, {"wanted": normalized}).one_or_none()
    if row is None:
        return None
    kept = kept_of_project(sql, row.upstream, normalized)
    files = tuple(_file(one, kept.get(one.filename)) for one in sql.execute(_FILES, {"wanted": normalized}))
    return MirroredProject(
        name=row.name, upstream=row.upstream, files=files, versions=tuple(row.versions), status=row.status,
        status_reason=row.status_reason, checked_at=moment(row.checked_at), changed_at=row.changed_at,
        removed_at=row.removed_at, signals=row.signals,
    )  # fmt: skip


def confirmed_at(sql: Connection, normalized: str) -> datetime | None:
    """When an upstream last confirmed a project, to the second."""
    return moment(sql.execute(_CHECKED, {"wanted": normalized}).scalar())


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """One upstream as it stands, for operators."""

    upstream: str
    projects: int
    removed: int
    """Projects that it no longer has."""
    files: int
    conflicts: int
    """Files for which it gave another digest later."""
    checked_at: datetime | None
    """When it last confirmed any project."""
    failed_at: datetime | None
    error: str


def upstream_states(sql: Connection) -> list[UpstreamState]:
    """Every upstream of which something is known, by name."""
    projects = {
        row.upstream: row
        for row in sql.execute(
            sa.select(
                mirror_project.c.upstream, sa.func.count().label("projects"),
                sa.func.count(mirror_project.c.removed_at).label("removed"),
                sa.func.max(upstream_check.c.checked_at).label("checked_at"),
            )
            .outerjoin(upstream_check, upstream_check.c.name == mirror_project.c.name)
            .group_by(mirror_project.c.upstream)
        )
    }  # fmt: skip
    files = {
        row.upstream: row
        for row in sql.execute(
            sa.select(
                mirror_project.c.upstream, sa.func.count().label("files"),
                sa.func.count(sa.func.nullif(mirror_file.c.conflict, "")).label("conflicts"),
            )
            .join(mirror_file, mirror_file.c.name == mirror_project.c.name)
            .group_by(mirror_project.c.upstream)
        )
    }  # fmt: skip
    health = {row.upstream: row for row in sql.execute(sa.select(upstream_health))}
    return [
        UpstreamState(
            name,
            projects=projects[name].projects if name in projects else 0,
            removed=projects[name].removed if name in projects else 0,
            files=files[name].files if name in files else 0,
            conflicts=files[name].conflicts if name in files else 0,
            checked_at=moment(projects[name].checked_at) if name in projects else None,
            failed_at=health[name].failed_at if name in health else None,
            error=health[name].error if name in health else "",
        )
        for name in sorted({*projects, *health})
    ]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file for which an upstream later gave another digest."""

    project: str
    filename: str
    kept: str
    refused: str


def conflicts(sql: Connection, upstream: str) -> Sequence[Conflict]:
    """Those files of an upstream, by name."""
    rows = sql.execute(
        sa.select(mirror_file)
        .join(mirror_project, mirror_project.c.name == mirror_file.c.name)
        .where(mirror_project.c.upstream == upstream, mirror_file.c.conflict != "")
        .order_by(mirror_file.c.name, mirror_file.c.filename)
    )
    return [Conflict(row.name, row.filename, row.sha256 or row.other_digest, row.conflict) for row in rows]


def bytes_by_upstream(sql: Connection) -> dict[str, int]:
    """How much the files of each upstream take that are kept here."""
    c = mirrored_object.c
    rows = sql.execute(sa.select(c.upstream, sa.func.sum(c.size_bytes)).where(c.stored).group_by(c.upstream))
    return {upstream: int(size_bytes) for upstream, size_bytes in rows}


def skipped_files(sql: Connection) -> dict[str, int]:
    """How many files pages list that are left out, by reason."""
    found: Counter[str] = Counter()
    for skipped in sql.execute(sa.select(mirror_project.c.skipped)).scalars():
        found.update(skipped)
    return dict(found)


def moment(seconds: int | None) -> datetime | None:
    """A time of `upstream_check`."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _file(row: sa.Row[Any], kept: Kept | None) -> MirroredFile:
    algorithm, _, digest = row.other_digest.partition("=")
    return MirroredFile(
        filename=row.filename, version=row.version, url=row.url, sha256=row.sha256,
        other_digests={algorithm: digest} if digest else {}, size_bytes=row.size_bytes, uploaded_at=row.uploaded_at,
        requires_python=row.requires_python, yanked=row.yanked, yanked_reason=row.yanked_reason,
        metadata_sha256=row.metadata_sha256, has_metadata=row.has_metadata, provenance_url=row.provenance_url,
        first_seen_at=row.first_seen_at, removed_at=row.removed_at, signals=row.signals,
        inspected=kept.inspected if kept is not None else None,
    )  # fmt: skip
