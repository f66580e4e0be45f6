"""Files of release runs: which objects they are, and which runs need them.

They stand in the catalog because the sweep of objects must know of them, and because nothing else of a run matters to
the index. The room of the release itself (`release.room`) writes the rows.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.infra.db import METADATA, Instant, insert_new

release_object = sa.Table(
    "release_object",
    METADATA,
    sa.Column("run_id", sa.String(32), primary_key=True, comment="a row of release_run"),
    sa.Column("digest", sa.String(64), primary_key=True, index=True, comment="SHA-256"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("added_by", sa.String(120), nullable=False, comment="an actor of the pipeline, or an account"),
    sa.Column("added_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)


def needed_objects(sql: Connection, digests: Collection[str]) -> set[str]:
    """Which of these objects a release run needs."""
    wanted = sa.select(release_object.c.digest).where(release_object.c.digest.in_(sorted(digests))).distinct()
    return set(sql.execute(wanted).scalars())


def object_of(sql: Connection, run_id: str, digest: str) -> int | None:
    """The size in bytes of a run's object; None if the run has no such one."""
    size: int | None = sql.execute(
        sa.select(release_object.c.size_bytes).where(
            release_object.c.run_id == run_id, release_object.c.digest == digest
        )
    ).scalar_one_or_none()
    return size


def bytes_of_run(sql: Connection, run_id: str) -> int:
    """How much a run has stored."""
    total = sa.select(sa.func.coalesce(sa.func.sum(release_object.c.size_bytes), 0))
    return int(sql.execute(total.where(release_object.c.run_id == run_id)).scalar_one())


def add_object(sql: Connection, run_id: str, digest: str, size_bytes: int, added_by: str, now: datetime) -> bool:
    """Name an object in a run; False if it is named there already."""
    row = insert_new(
        sql, release_object, run_id=run_id, digest=digest, size_bytes=size_bytes, added_by=added_by, added_at=now
    )
    return row is not None
