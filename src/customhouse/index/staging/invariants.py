"""What holds of releases that are being made, on any installation at any time: see `index.check`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.staged import ONGOING
from customhouse.catalog.staged_tables import upload_file, upload_part, upload_session
from customhouse.catalog.tables import file, name, project
from customhouse.infra.blobs import Blobs
from customhouse.terms.digest import Digest

_ONGOING = upload_file.c.session_id.in_(sa.select(upload_session.c.id).where(upload_session.c.state.in_(ONGOING)))


def missing_objects(sql: Connection, blobs: Blobs, sample: int | None) -> tuple[int, list[str]]:
    """Objects that the row of a staged file, or of a part of one, names and that are not in the store."""
    wanted: list[tuple[str, str]] = []
    for column in (upload_file.c.digest, upload_file.c.metadata_digest):
        query = sa.select(upload_file.c.filename, column).where(
            _ONGOING, upload_file.c.state != "canceled", column.is_not(None)
        )
        if column is upload_file.c.metadata_digest:
            query = query.where(upload_file.c.metadata_served)
        wanted += [(row[0], row[1]) for row in sql.execute(query.limit(sample))]
    parts = sa.select(upload_file.c.filename, upload_part.c.digest).join(
        upload_file, upload_file.c.id == upload_part.c.file_id
    )
    wanted += [(row[0], row[1]) for row in sql.execute(parts.where(_ONGOING).limit(sample))]
    return len(wanted), [
        f"{filename} is being staged, and its object {digest} is missing"
        for filename, digest in wanted
        if blobs.locate(Digest(digest)) is None
    ]


def partly_published(sql: Connection) -> tuple[int, list[str]]:
    """Files of published sessions that have no row of their own, or one with other bytes."""
    published = sa.select(upload_session.c.id).where(upload_session.c.state == "published")
    rows = sql.execute(
        sa.select(upload_file.c.filename, upload_file.c.state, upload_file.c.digest, file.c.digest.label("listed"))
        .outerjoin(file, file.c.filename == upload_file.c.filename)
        .where(upload_file.c.session_id.in_(published), upload_file.c.state != "canceled")
    ).all()
    return len(rows), [
        f"{row.filename} was published as {row.digest} ({row.state}), its row says {row.listed}"
        for row in rows
        if row.state != "completed" or row.digest != row.listed
    ]


def names_kept_for_nobody(sql: Connection) -> tuple[int, list[str]]:
    """Names that are kept for a first release which nobody makes, or that have a project already."""
    kept = list(sql.execute(sa.select(name.c.normalized).where(name.c.state == "staged")).scalars())
    made = set(
        sql.execute(
            sa.select(upload_session.c.normalized).where(
                upload_session.c.state.in_(ONGOING), upload_session.c.project_id.is_(None)
            )
        ).scalars()
    )
    hosted = set(sql.execute(sa.select(project.c.normalized).where(project.c.normalized.in_(kept))).scalars())
    return len(kept), [
        f"the name {one} is kept, and {'its project is there' if one in hosted else 'no release of it is being made'}"
        for one in kept
        if one in hosted or one not in made
    ]
