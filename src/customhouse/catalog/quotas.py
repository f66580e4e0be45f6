"""How large files and projects may be: the most generous of the index's, the organization's and the project's limits.

Files that were erased count no more; files that were deleted do, because they can be restored; so do those of releases
that are being made, as they were announced.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.staged_tables import upload_file, upload_session
from customhouse.catalog.tables import file, organization, project
from customhouse.terms.errors import Refused


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file, and the most that all files of a project may have together, in bytes."""

    file_bytes: int
    project_bytes: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What an operator has granted a project or an organization; None where nothing was granted."""

    file_bytes: int | None = None
    project_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a project has, and how much it may have."""

    used_bytes: int
    limits: Limits

    @property
    def percent(self) -> int:
        """How full it is, rounded down; above 100 if a limit was lowered."""
        return self.used_bytes * 100 // self.limits.project_bytes


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant as operators see it in a list."""

    name: str
    organization: bool
    grant: Grant


_FILES = (
    sa.select(sa.func.coalesce(sa.func.sum(file.c.size_bytes), 0))
    .where(file.c.project_id == project.c.id, file.c.erased_at.is_(None))
    .correlate(project)
    .scalar_subquery()
)
_STAGED = (
    sa.select(sa.func.coalesce(sa.func.sum(upload_file.c.size_bytes), 0))
    .join(upload_session, upload_session.c.id == upload_file.c.session_id)
    .where(upload_session.c.state.in_(("open", "processing", "error")), upload_file.c.state != "canceled")
    # What is under embargo shows in no number that others read.
    .where(upload_session.c.embargo == "")
)
_STAGED_HERE = _STAGED.where(upload_session.c.normalized == project.c.normalized).correlate(project).scalar_subquery()
_STAGED_OF = _STAGED.where(upload_session.c.normalized == sa.bindparam("normalized"))
# Made once: every upload asks twice.
_USAGE = (
    sa.select(
        (_FILES + _STAGED_HERE).label("used"),
        project.c.file_quota_bytes.label("file"), project.c.project_quota_bytes.label("whole"),
        organization.c.file_quota_bytes.label("their_file"), organization.c.project_quota_bytes.label("their_whole"),
    )
    .select_from(project)
    .outerjoin(organization, organization.c.id == project.c.organization_id)
    .where(project.c.id == sa.bindparam("project"))
)  # fmt: skip
_ORGANIZATION = sa.select(organization.c.file_quota_bytes, organization.c.project_quota_bytes).where(
    organization.c.id == sa.bindparam("organization")
)


def most_generous(defaults: Limits, *grants: Grant) -> Limits:
    """Of the index's own limits and all that was granted, the largest counts: a grant never takes anything away."""
    return Limits(
        max([defaults.file_bytes, *(grant.file_bytes for grant in grants if grant.file_bytes is not None)]),
        max([defaults.project_bytes, *(grant.project_bytes for grant in grants if grant.project_bytes is not None)]),
    )


def may_store(size_bytes: int, usage: Usage, display: str) -> Refused | None:
    """A file may be as large as the limit for files, and a project's files together as large as its own limit.

    Who is refused is told how much there is, how much there may be, and whom to ask.
    """
    if size_bytes > usage.limits.file_bytes:
        return Refused(
            "file-quota",
            f"The file has {size_bytes:,} bytes, and files of {display!r} may have {usage.limits.file_bytes:,}.",
            "Ask an operator of this index for more.",
            status=413,
        )
    if usage.used_bytes + size_bytes > usage.limits.project_bytes:
        return Refused(
            "project-quota",
            f"The files of {display!r} have {usage.used_bytes:,} bytes of {usage.limits.project_bytes:,}, and this one"
            f" has {size_bytes:,} more.",
            "Let an operator of this index erase old files or grant more; deleting them frees nothing, because they"
            " can be restored.",
        )
    return None


def usage_of(sql: Connection, project_id: int, defaults: Limits) -> Usage:
    """How much a project has, and how much it may have."""
    row = sql.execute(_USAGE, {"project": project_id}).one()
    limits = most_generous(defaults, Grant(row.file, row.whole), Grant(row.their_file, row.their_whole))
    return Usage(int(row.used), limits)


def usage_of_new(sql: Connection, organization_id: int | None, defaults: Limits) -> Usage:
    """The same for a project that does not exist yet, in an organization or in none."""
    row = sql.execute(_ORGANIZATION, {"organization": organization_id}).one_or_none()
    return Usage(0, most_generous(defaults, Grant(*row)) if row else defaults)


def staged_bytes(sql: Connection, normalized: str) -> int:
    """How many bytes are announced of the releases of a name that are being made."""
    return int(sql.execute(_STAGED_OF, {"normalized": normalized}).scalar_one())


def granted(sql: Connection) -> list[GrantRow]:
    """Everything that operators have granted, organizations first."""
    found = []
    for table, title in ((organization, organization.c.name), (project, project.c.display)):
        limits = (table.c.file_quota_bytes, table.c.project_quota_bytes)
        query = sa.select(title, *limits).where(sa.or_(*(limit.is_not(None) for limit in limits))).order_by(title)
        found += [GrantRow(row[0], table is organization, Grant(row[1], row[2])) for row in sql.execute(query)]
    return found
