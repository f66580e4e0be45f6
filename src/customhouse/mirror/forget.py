"""Letting go of what is known of a project of an upstream."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.mirror.tables import mirror_file, mirror_project, upstream_check


def forget_rows(sql: Connection, normalized: str) -> int:
    """Delete the rows of a project; returns how many files it had."""
    files = sql.execute(
        sa.select(sa.func.count()).select_from(mirror_file).where(mirror_file.c.name == normalized)
    ).scalar_one()
    sql.execute(mirror_file.delete().where(mirror_file.c.name == normalized))
    sql.execute(mirror_project.delete().where(mirror_project.c.name == normalized))
    sql.execute(upstream_check.delete().where(upstream_check.c.name == normalized))
    return int(files)
