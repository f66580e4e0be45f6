"""Work for later: rows of a table, written in the deed's transaction and finished in the job's own.

A job may run twice and says in its docstring why that does no harm. After the last attempt it is parked: kept, shown
by ``customhouse check``, never run again by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.infra.db import Database, insert_new
from customhouse.infra.tables import job

LEASE = timedelta(minutes=5)
RETRY_BASE = timedelta(seconds=2)
RETRY_CAP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed job: its name, plain JSON arguments, and how often it has been tried (this time included)."""

    id: int
    name: str
    arguments: Mapping[str, Any]
    attempts: int


def add(
    connection: Connection, name: str, arguments: Mapping[str, Any], *, due_at: datetime, key: str | None = None
) -> bool:
    """Write a job into the open transaction; False if an unfinished job already has this key."""
    values = {"name": name, "arguments": dict(arguments), "key": key, "due_at": due_at}
    return insert_new(connection, job, **values, attempts=0, last_error="") is not None


def claim(
    database: Database, now: datetime, *, lease: timedelta = LEASE, only: Collection[str] | None = None,
    without: Collection[str] = (),
) -> Job | None:  # fmt: skip
    """Take the job that is due longest, for the time of a lease; None if nothing is due.

    ``only`` and ``without`` name the jobs that this worker takes, so that those who wait for others hold up nobody.
    Rivals skip what another has locked (PostgreSQL) or come after it (SQLite). A job whose lease ran out, because its
    worker died, is due again.
    """
    due = (
        sa.select(job.c.id, job.c.name, job.c.arguments, job.c.attempts)
        .where(job.c.parked_at.is_(None), job.c.due_at <= now)
        .where(sa.or_(job.c.leased_until.is_(None), job.c.leased_until <= now))
        .order_by(job.c.due_at, job.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if only is not None:
        due = due.where(job.c.name.in_(only))
    if without:
        due = due.where(job.c.name.not_in(without))
    with database.write() as connection:
        row = connection.execute(due).one_or_none()
        if row is None:
            return None
        connection.execute(
            job.update().where(job.c.id == row.id).values(leased_until=now + lease, attempts=row.attempts + 1)
        )
    return Job(row.id, row.name, row.arguments, row.attempts + 1)


def finish(connection: Connection, done: Job) -> None:
    """Forget a job that is done, in the transaction of its last step."""
    connection.execute(job.delete().where(job.c.id == done.id))


def fail(database: Database, failed: Job, why: str, *, now: datetime, attempts_allowed: int) -> None:
    """Put a job back with a growing delay, or park it after its last attempt."""
    parked = failed.attempts >= attempts_allowed
    delay = min(RETRY_BASE * 2 ** min(failed.attempts, 16), RETRY_CAP)
    with database.write() as connection:
        connection.execute(
            job.update()
            .where(job.c.id == failed.id)
            .values(
                leased_until=None,
                due_at=now + delay,
                parked_at=now if parked else None,
                last_error=why[:2000],
            )
        )
