"""Runs as lists and doors see them: one row each, and who made them. What happened stands in their journals."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import rights
from customhouse.catalog.tables import project
from customhouse.release.journal import Head
from customhouse.release.room.people import unknown_run
from customhouse.release.room.tables import release_machine, release_run
from customhouse.release.state import RunStatus

MOST_LISTED = 100
_UNTAME = re.compile(r"[^A-Za-z0-9._+-]")
OVER: tuple[RunStatus, ...] = ("released", "abandoned")
_RUNS = sa.select(
    release_run,
    project.c.normalized,
    project.c.display,
    sa.and_(project.c.visibility == "public", project.c.deleted_at.is_(None)).label("public"),
).join(project, project.c.id == release_run.c.project_id)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, without its journal."""

    id: str
    project_id: int
    normalized: str
    display: str
    public: bool
    """Whether strangers may know of its project."""
    version: str
    pipeline_version: int
    pipeline_sha256: str
    rehearsal: bool
    embargoed: bool
    opened_by: int
    created_at: datetime
    changed_at: datetime
    status: RunStatus
    published_at: datetime | None
    finished_at: datetime | None
    bundle: str | None
    """SHA-256 of the file from which strangers verify the release, once it is made."""
    head: Head

    @property
    def over(self) -> bool:
        """Whether nothing of it can happen any more."""
        return self.status in OVER

    @property
    def shown_to_all(self) -> bool:
        """Whether strangers may see it: it is published, and so is its project."""
        return self.published_at is not None and self.public and not self.rehearsal

    @property
    def bundle_name(self) -> str:
        """What that file is called, in letters that every file system and every header takes."""
        return f"{self.display}-{_UNTAME.sub('_', self.version)}.release.tar"

    @property
    def told_of(self) -> str | None:
        """The project that events of the ledger name; nobody hears of one under embargo by them."""
        return None if self.embargoed else self.normalized


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that has joined a run as one of its actors."""

    id: int
    run: str
    actor: str
    key: str
    identity: str
    account_id: int | None
    joined_at: datetime
    removed_at: datetime | None


def find_run(sql: Connection, run_id: str, *, lock: bool = False) -> Run:
    """A run by id; raises `Refused` (404) if there is none."""
    if not run_id.isascii() or not run_id.isalnum():
        raise unknown_run()
    query = _RUNS.where(release_run.c.id == run_id)
    row = sql.execute(query.with_for_update(of=release_run) if lock else query).one_or_none()
    if row is None:
        raise unknown_run()
    return _run(row)


def runs_of(sql: Connection, account_id: int) -> list[Run]:
    """The newest runs of the projects that this account has a role in; who may see one, `people.may_see` says."""
    names = [name for name, role in rights.projects_of(sql, account_id).items() if role is not None]
    query = _RUNS.where(project.c.normalized.in_(names)).order_by(release_run.c.created_at.desc(), release_run.c.id)
    return [_run(row) for row in sql.execute(query.limit(MOST_LISTED))]


def secret_runs(sql: Connection, project_id: int) -> list[Run]:
    """The newest runs of a project under embargo that have not published: `people.may_see` says who knows of one."""
    query = _RUNS.where(
        release_run.c.project_id == project_id, release_run.c.embargoed.is_(True), release_run.c.published_at.is_(None)
    )
    return [_run(row) for row in sql.execute(query.order_by(release_run.c.created_at.desc()).limit(MOST_LISTED))]


def released_before(sql: Connection, run: Run, most: int) -> list[str]:
    """The newest runs that have released the project before this one, the newest first. Rehearsals do not count."""
    r = release_run.c
    chosen = sa.select(r.id).where(
        r.project_id == run.project_id, r.status == "released", r.rehearsal.is_(False), r.created_at < run.created_at
    )
    return list(sql.execute(chosen.order_by(r.created_at.desc(), r.id).limit(most)).scalars())


def open_run_of(
    sql: Connection, project_id: int, version: str, *, rehearsal: bool, but: Collection[str] = ()
) -> str | None:  # fmt: skip
    """The run of this version that is not over, if there is one ``but`` these."""
    found: str | None = sql.execute(
        sa.select(release_run.c.id)
        .where(
            release_run.c.project_id == project_id,
            release_run.c.version == version,
            release_run.c.rehearsal.is_(rehearsal),
            release_run.c.status.not_in(OVER),
            release_run.c.id.not_in(but),
        )
        .limit(1)
    ).scalar_one_or_none()
    return found


def open_runs(sql: Connection, project_id: int, *, but: Collection[str] = ()) -> int:
    """How many runs of a project are not over, ``but`` these."""
    r = release_run.c
    return _count(sql, r.project_id == project_id, r.status.not_in(OVER), r.id.not_in(but))


def runs_since(sql: Connection, project_id: int, since: datetime, *, but: Collection[str] = ()) -> int:
    """How many runs of a project were opened since then, rehearsals too, ``but`` these."""
    r = release_run.c
    return _count(sql, r.project_id == project_id, r.created_at > since, r.id.not_in(but))


def _count(sql: Connection, *where: sa.ColumnElement[bool]) -> int:
    return int(sql.execute(sa.select(sa.func.count()).select_from(release_run).where(*where)).scalar_one())


def put_to_sleep(sql: Connection, run_id: str, until: datetime) -> None:
    """Nothing of this run is looked at by the clock alone before then."""
    sql.execute(release_run.update().where(release_run.c.id == run_id).values(wake_at=until))


def newest_definition(sql: Connection, project_id: int, *, but: Collection[str] = ()) -> tuple[int, str] | None:
    """Version and digest of the newest pipeline by which this project was ever released; rehearsals do not count.

    Nor do those that ``but`` names.
    """
    row = sql.execute(
        sa.select(release_run.c.pipeline_version, release_run.c.pipeline_sha256)
        .where(release_run.c.project_id == project_id, release_run.c.rehearsal.is_(False), release_run.c.id.not_in(but))
        .order_by(release_run.c.pipeline_version.desc(), release_run.c.created_at.desc())
        .limit(1)
    ).one_or_none()
    return (row.pipeline_version, row.pipeline_sha256) if row is not None else None


def runs_to_wake(sql: Connection, now: datetime) -> list[str]:
    """Runs in which time alone has changed something."""
    due = sa.select(release_run.c.id).where(release_run.c.wake_at <= now, release_run.c.status.not_in(OVER))
    return list(sql.execute(due.order_by(release_run.c.wake_at).limit(MOST_LISTED)).scalars())


def release_by(sql: Connection, project_id: int, version: str) -> Run | None:
    """The newest run that has released this version; rehearsals release nothing."""
    query = _RUNS.where(
        release_run.c.project_id == project_id, release_run.c.version == version, release_run.c.status == "released",
        release_run.c.rehearsal.is_(False),
    )  # fmt: skip
    row = sql.execute(query.order_by(release_run.c.finished_at.desc(), release_run.c.id).limit(1)).one_or_none()
    return _run(row) if row is not None else None


def machines_of(sql: Connection, run_id: str) -> list[Machine]:
    """The machines that have joined, in order; those too that were sent away."""
    rows = sql.execute(
        sa.select(release_machine).where(release_machine.c.run_id == run_id).order_by(release_machine.c.id)
    )
    return [_machine(row) for row in rows]


def machine_by_id(sql: Connection, run_id: str, machine_id: int) -> Machine:
    """One of them that is still welcome; raises `Refused` (404) for every other."""
    row = sql.execute(
        sa.select(release_machine).where(release_machine.c.id == machine_id, release_machine.c.run_id == run_id)
    ).one_or_none()
    if row is None or row.removed_at is not None:
        raise unknown_run()
    return _machine(row)


def _run(row: sa.Row[tuple[object, ...]]) -> Run:
    found = row._mapping  # noqa: SLF001 - how SQLAlchemy names a row's columns
    rest = {name: found[name] for name in Run.__dataclass_fields__ if name != "head"}
    return Run(**rest, head=Head(found["seq"], found["head"]))


def _machine(row: sa.Row[tuple[object, ...]]) -> Machine:
    found = row._mapping  # noqa: SLF001 - how SQLAlchemy names a row's columns
    return Machine(
        found["id"], found["run_id"], found["actor"], found["machine_key"], found["identity"], found["account_id"],
        found["joined_at"], found["removed_at"],
    )  # fmt: skip
