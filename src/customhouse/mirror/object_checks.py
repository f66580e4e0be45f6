"""What must hold of the files of upstreams at any time, for ``customhouse check``."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.mirror.object_tables import mirrored_object
from customhouse.mirror.tables import mirror_file, mirror_project

_C = mirrored_object.c


def stored_objects(sql: Connection, sample: int | None) -> list[tuple[str, str]]:
    """What must lie in the store: of each file that is kept, and of its metadata, what it is and its digest."""
    rows = sql.execute(
        sa.select(_C.upstream, _C.filename, _C.digest, _C.stored, _C.metadata_digest)
        .order_by(_C.used_at.desc(), _C.filename)
        .limit(sample)
    ).all()
    files = [(f"{row.filename} of {row.upstream}", row.digest) for row in rows if row.stored]
    return files + [
        (f"{row.filename}.metadata of {row.upstream}", row.metadata_digest) for row in rows if row.metadata_digest
    ]


def changed_digests(sql: Connection) -> tuple[int, list[str]]:
    """Files whose bytes here are others than the list of their upstream had first; or kept without a digest."""
    rows = sql.execute(
        sa.select(_C.upstream, _C.filename, _C.digest, _C.stored, mirror_file.c.sha256)
        .outerjoin(
            sa.join(mirror_file, mirror_project, mirror_project.c.name == mirror_file.c.name),
            sa.and_(mirror_project.c.upstream == _C.upstream, mirror_file.c.filename == _C.filename),
        )
        .order_by(_C.upstream, _C.filename)
    ).all()
    findings = [f"{row.filename} of {row.upstream}: is kept without a digest" for row in rows
                if row.stored and not row.digest]  # fmt: skip
    return len(rows), findings + [
        f"{row.filename} of {row.upstream}: is listed with the digest {row.sha256}, and {row.digest} is kept"
        for row in rows
        if row.sha256 and row.digest and row.sha256 != row.digest
    ]
