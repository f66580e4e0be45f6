"""Holding back a project or one release, and letting it go again. Used inside other deeds.

A `hold` row says since when, why, by whom and for which case, and what the project was before, so that lifting brings
exactly that back: an archived project is archived again, with its reason. The project's row is locked first, as an
upload does: whoever comes second sees what the first has done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import file, project, release
from customhouse.ledger.tx import Tx
from customhouse.reports import queries
from customhouse.reports.events import (
    ProjectArchivedByVerdict,
    ProjectQuarantined,
    QuarantineLifted,
    ReleaseQuarantined,
    ReleaseQuarantineLifted,
)
from customhouse.reports.queries import Hold
from customhouse.reports.tables import hold
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Identity
from customhouse.terms.names import normalize
from customhouse.terms.versions import version_of

Origin = Literal["reports", "verdict", "operator"]
Ending = Literal["verdict", "undo", "operator"]
Status = Literal["quarantined", "archived"]

MAX_REASON = 2_000

# Made once: building a statement costs more than running it.
_COLUMNS = (project.c.id, project.c.normalized, project.c.display, project.c.status, project.c.status_reason)
_BY_ID = sa.select(*_COLUMNS).where(project.c.id == sa.bindparam("id")).with_for_update()
_BY_NAME = sa.select(*_COLUMNS).where(project.c.normalized == sa.bindparam("normalized")).with_for_update()
_RELEASE = sa.select(release.c.id, release.c.version, release.c.quarantined_at).where(
    release.c.project_id == sa.bindparam("project"), release.c.version == sa.bindparam("version")
)
_NEWEST_FILE = sa.select(sa.func.max(file.c.id)).where(file.c.project_id == sa.bindparam("project"))


@dataclass(frozen=True, slots=True)
class Target:
    """What is held back: a project, or one release of it. Its row is locked."""

    project_id: int
    normalized: str
    display: str
    status: str
    status_reason: str
    release_id: int | None = None
    version: str = ""
    release_held: bool = False


def quarantine_project(
    tx: Tx,
    which: int | str,
    reason: str,
    by: Identity,
    *,
    case_id: int | None = None,
    origin: Origin = "operator",
    status: Status = "quarantined",
) -> bool:
    """Offer no file of a project and take none; ``archived`` only closes it for uploads.

    ``which`` is its id or name. An operator's own order takes over what a case holds; a case leaves alone what is held
    for another reason. Returns False if that left everything as it was.
    """
    return _begin(tx, lock_target(tx, which), status, reason, by, case_id=case_id, origin=origin)


def lift_project(tx: Tx, which: int | str, reason: str, by: Identity, *, how: Ending = "operator") -> bool:
    """Bring back what a project was before it was held back; False if it is not. Its releases' holds stay."""
    return _end(tx, lock_target(tx, which), reason, by, how)


def quarantine_release(
    tx: Tx,
    which: int | str,
    version: str,
    reason: str,
    by: Identity,
    *,
    case_id: int | None = None,
    origin: Origin = "operator",
) -> bool:
    """Offer no file of one release; otherwise as `quarantine_project`."""
    return _begin(tx, lock_target(tx, which, version), "quarantined", reason, by, case_id=case_id, origin=origin)


def lift_release(
    tx: Tx, which: int | str, version: str, reason: str, by: Identity, *, how: Ending = "operator"
) -> bool:
    """Offer a release's files again; False if they were not held back. A hold on the whole project stays."""
    return _end(tx, lock_target(tx, which, version), reason, by, how)


def lift_hold(tx: Tx, found: Hold, reason: str, by: Identity, *, how: Ending) -> bool:
    """End one hold that is current."""
    return _end(tx, _target_of(tx, found), reason, by, how)


def resume_hold(tx: Tx, found: Hold, by: Identity) -> bool:
    """Begin anew a hold that a verdict has ended, as it was; False if something else holds its target by now."""
    tx.sql.execute(hold.update().where(hold.c.id == found.id).values(ended_how="undone"))
    return _begin(
        tx, _target_of(tx, found), found.status, found.reason, by, case_id=found.case_id, origin=found.origin
    )  # fmt: skip


def lock_target(tx: Tx, which: int | str, version: str | None = None) -> Target:
    """Lock a project and find one of its releases; raises `Refused` (404) if there is no such one."""
    if isinstance(which, int):
        row = tx.sql.execute(_BY_ID, {"id": which}).one_or_none()
    else:
        row = tx.sql.execute(_BY_NAME, {"normalized": normalize(which)}).one_or_none()
    if row is None:
        raise Refused("unknown-project", f"There is no project named {str(which)[:100]!r} here.", status=404)
    if version is None:
        return Target(*row)
    found = tx.sql.execute(_RELEASE, {"project": row.id, "version": _canonical(version)}).one_or_none()
    if found is None:
        raise Refused("unknown-version", f"{row.display!r} has no version {version[:100]!r}.", status=404)
    return Target(*row, found.id, found.version, found.quarantined_at is not None)


def refusal_if_held(sql: Connection, project_id: int, status: str) -> Refused | None:
    """What an owner is told who wants another status while an operator holds his project to this one."""
    current = queries.project_hold(sql, project_id)
    if current is None or current.status != status:
        return None
    return Refused(
        "held",
        f"An operator has {current.status} this project: {current.reason}",
        "An operator lifts that.",
        status=409,
    )


def check_reason(text: str, where: str) -> str:
    """A reason that people will read; raises `Rejected` if there is none, or none that a database keeps."""
    reason = text.strip()
    if not reason:
        raise Rejected("no-reason", where, "is empty", "why, for those whom it concerns")
    if len(reason) > MAX_REASON:
        raise Rejected("field-too-long", where, f"{len(reason):,} characters", f"at most {MAX_REASON:,}")
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in reason):
        raise Rejected("bad-character", where, "has a null character or half a surrogate pair", "any text in Unicode")
    return reason


def newest_file_id(sql: Connection, project_id: int) -> int:
    """The newest file of a project, deleted ones too; 0 if it has none. Ids rise: a higher one means an upload."""
    return sql.execute(_NEWEST_FILE, {"project": project_id}).scalar() or 0


def _target_of(tx: Tx, found: Hold) -> Target:
    if found.release_id is None:
        return lock_target(tx, found.project_id)
    version = tx.sql.execute(sa.select(release.c.version).where(release.c.id == found.release_id)).scalar_one()
    return lock_target(tx, found.project_id, version)


def _begin(
    tx: Tx, target: Target, status: Status, reason: str, by: Identity, *, case_id: int | None, origin: Origin
) -> bool:
    current = _current(tx, target)
    if current is not None:
        same = (current.status, current.reason, current.case_id, current.origin) == (status, reason, case_id, origin)
        if same or (origin != "operator" and current.case_id != case_id):
            return False
        _close(tx, current, by, "verdict" if origin == "verdict" else "operator", newest=None)
    earlier = (current.earlier_status, current.earlier_reason) if current else _before(target)
    tx.sql.execute(
        hold.insert().values(
            project_id=target.project_id,
            release_id=target.release_id,
            case_id=case_id,
            origin=origin,
            status=status,
            reason=reason,
            began_at=tx.now(),
            began_by=by.name,
            earlier_status=earlier[0],
            earlier_reason=earlier[1],
        )
    )
    _write(tx, target, status, reason)
    if target.release_id is not None:
        event = ReleaseQuarantined(
            by, target.normalized, version=target.version, reason=reason, case_id=case_id, origin=origin
        )
        tx.record(event)
        return True
    kind = ProjectQuarantined if status == "quarantined" else ProjectArchivedByVerdict
    tx.record(
        kind(
            by, target.normalized, reason=reason, case_id=case_id, origin=origin, earlier_status=earlier[0],
            earlier_reason=earlier[1],
        )
    )  # fmt: skip
    return True


def _end(tx: Tx, target: Target, reason: str, by: Identity, how: Ending) -> bool:
    current = _current(tx, target)
    if current is None and not _looks_held(target):
        return False
    case_id = current.case_id if current else None
    if current is not None:
        # Whoever lifts it by hand has looked at the files: reports alone do not bring it back before the next upload.
        newest = newest_file_id(tx.sql, target.project_id) if how == "operator" else None
        _close(tx, current, by, how, newest=newest)
    if target.release_id is not None:
        _write(tx, target, "", "")
        tx.record(
            ReleaseQuarantineLifted(by, target.normalized, version=target.version, reason=reason, case_id=case_id)
        )
        return True
    status, status_reason = (current.earlier_status, current.earlier_reason) if current else ("active", "")
    _write(tx, target, status, status_reason)
    tx.record(
        QuarantineLifted(
            by, target.normalized, reason=reason, case_id=case_id, held=target.status, status=status,
            status_reason=status_reason,
        )
    )  # fmt: skip
    return True


def _current(tx: Tx, target: Target) -> Hold | None:
    """What holds the target back now. A hold that somebody has overruled by another status is closed on the way."""
    if target.release_id is not None:
        return queries.release_hold(tx.sql, target.release_id)
    current = queries.project_hold(tx.sql, target.project_id)
    if current is not None and current.status != target.status:
        _close(tx, current, Identity("system", "system", "customhouse"), "operator", newest=None)
        return None
    return current


def _looks_held(target: Target) -> bool:
    return target.release_held if target.release_id is not None else target.status == "quarantined"


def _before(target: Target) -> tuple[str, str]:
    """What lifting will bring back."""
    if target.release_id is not None:
        return "", ""
    return ("active", "") if target.status == "quarantined" else (target.status, target.status_reason)


def _close(tx: Tx, found: Hold, by: Identity, how: Ending, *, newest: int | None) -> None:
    tx.sql.execute(
        hold.update()
        .where(hold.c.id == found.id)
        .values(ended_at=tx.now(), ended_by=by.name, ended_how=how, newest_file_id=newest)
    )


def _write(tx: Tx, target: Target, status: str, reason: str) -> None:
    """Say it in the catalog, where pages and gates are rendered from."""
    if target.release_id is not None:
        quarantined_at = tx.now() if status else None
        tx.sql.execute(
            release.update()
            .where(release.c.id == target.release_id)
            .values(quarantined_at=quarantined_at, quarantine_reason=reason)
        )
    else:
        tx.sql.execute(
            project.update().where(project.c.id == target.project_id).values(status=status, status_reason=reason)
        )


def _canonical(text: str) -> str:
    return str(version_of(text) or text)
