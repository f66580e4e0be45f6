"""What is new, for feeds: releases and projects that everybody may see."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.tables import file, project, release
from customhouse.formats.metadata import parse_stored_metadata

NEWEST = 40


class News(NamedTuple):
    """A release that is listed, or a project with its first one. ``at`` is when it appeared."""

    display: str
    normalized: str
    version: str
    summary: str
    at: datetime


# A release speaks by its first wheel, or by its sdist; what is not listed does not speak.
_SPEAKS = (
    sa.select(file.c.id)
    .where(file.c.release_id == release.c.id, file.c.deleted_at.is_(None), file.c.erased_at.is_(None))
    .order_by(file.c.kind, file.c.id)
    .limit(1)
    .correlate(release)
    .scalar_subquery()
)
_LISTED = sa.and_(
    project.c.visibility == "public",
    project.c.deleted_at.is_(None),
    project.c.status != "quarantined",
    release.c.deleted_at.is_(None),
    release.c.quarantined_at.is_(None),
)
_RELEASES = (
    sa.select(project.c.display, project.c.normalized, release.c.version, file.c.metadata, release.c.created_at)
    .select_from(release)
    .join(project, project.c.id == release.c.project_id)
    .join(file, file.c.id == _SPEAKS)
    .where(_LISTED)
    .order_by(release.c.id.desc())
    .limit(NEWEST)
)
_RELEASES_OF = _RELEASES.where(project.c.normalized == sa.bindparam("name"))
_OTHER = release.alias("other")
_NEWEST_RELEASE = (
    sa.select(sa.func.max(_OTHER.c.id))
    .where(
        _OTHER.c.project_id == project.c.id,
        _OTHER.c.deleted_at.is_(None),
        _OTHER.c.quarantined_at.is_(None),
        sa.exists().where(file.c.release_id == _OTHER.c.id, file.c.deleted_at.is_(None), file.c.erased_at.is_(None)),
    )
    .correlate(project)
    .scalar_subquery()
)
_PROJECTS = (
    sa.select(project.c.display, project.c.normalized, release.c.version, file.c.metadata, project.c.created_at)
    .select_from(project)
    .join(release, release.c.id == _NEWEST_RELEASE)
    .join(file, file.c.id == _SPEAKS)
    .where(_LISTED)
    .order_by(project.c.id.desc())
    .limit(NEWEST)
)


def newest_releases(sql: Connection, name: str | None = None) -> list[News]:
    """The newest releases of the index, or of one project."""
    rows = sql.execute(_RELEASES) if name is None else sql.execute(_RELEASES_OF, {"name": name})
    return [_news(*row) for row in rows]


def newest_projects(sql: Connection) -> list[News]:
    """The newest projects, each with its newest release."""
    return [_news(*row) for row in sql.execute(_PROJECTS)]


def _news(display: str, normalized: str, version: str, metadata: bytes, at: datetime) -> News:
    summary = parse_stored_metadata(queries.unpack_metadata(metadata)).summary
    return News(display, normalized, version, summary, at)
