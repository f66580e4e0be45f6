"""Managing a project: its releases, yanks, status, deletions with their price, restoration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

import sqlalchemy as sa
from packaging.version import Version
from starlette.responses import Response

from customhouse.app import limits_of
from customhouse.catalog import queries, quotas
from customhouse.catalog.lifecycle import OWNER_STATUSES, DeletionPolicy, may_delete
from customhouse.catalog.model import File, Release
from customhouse.catalog.staged import ongoing_sessions
from customhouse.catalog.tables import critical_mark
from customhouse.index.advising.here import at_risk, offered_versions
from customhouse.index.delete import Delete, price_of
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.quarantine_by_hand import (
    LiftProject,
    LiftRelease,
    QuarantineProject,
    QuarantineRelease,
    order_project_lift,
    order_project_quarantine,
    order_release_lift,
    order_release_quarantine,
)
from customhouse.index.reopen import Reopen, reopen
from customhouse.index.restore import Restore, restore
from customhouse.index.set_status import SetStatus, set_status
from customhouse.index.slow import queries as slow
from customhouse.index.slow.model import PendingChange
from customhouse.index.subject import find_subject
from customhouse.index.yank import Yank, yank
from customhouse.terms.errors import Refused
from customhouse.web.doors import Door, door
from customhouse.web.pages.timeline import Moment, Timeline, timeline_of
from customhouse.web.pages.warnings import warnings_view
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def manage_doors() -> list[Door]:
    """The doors of a project's manage pages."""
    here = "/manage/project/{name}"
    return [
        door("GET", f"{here}/", overview, Permission.PROJECT_MANAGE_READ),
        door("GET", f"{here}/release/{{version}}/", release_page, Permission.PROJECT_MANAGE_READ),
        door("POST", f"{here}/yank/", yank_it, Permission.PROJECT_YANK),
        door("POST", f"{here}/reopen/", reopen_it, Permission.PROJECT_SETTINGS),
        door("GET", f"{here}/settings/", settings, Permission.PROJECT_SETTINGS_READ),
        door("POST", f"{here}/status/", status, Permission.PROJECT_SETTINGS),
        door("GET", f"{here}/delete/", delete_form, Permission.PROJECT_DANGER_FORM),
        door("POST", f"{here}/delete/", delete_it, Permission.PROJECT_DANGER),
        door("POST", f"{here}/restore/", restore_it, Permission.PROJECT_SETTINGS),
        door("POST", "/admin/project/{name}/quarantine/", quarantine, Permission.ADMIN_WRITE),
        door("POST", "/admin/project/{name}/critical/", critical, Permission.ADMIN_DANGER),
    ]


@dataclass(frozen=True, slots=True)
class ReleaseLine:
    """One release in the table of a manage page."""

    release: Release
    files: int
    deleted_files: int
    size_bytes: int
    closes_at: datetime
    is_open: bool


def overview(visit: Visit) -> Response:
    """All releases, those too that are deleted, and the project's timeline."""
    found = visit.this_project
    with visit.app.database.read() as sql:
        files = queries.files_of(sql, found.id)
        releases = queries.releases_of(sql, found.id)
        waiting = len(slow.open_changes_of_project(sql, found.id))
        usage = quotas.usage_of(sql, found.id, limits_of(visit.app.settings))
        staged = len(ongoing_sessions(sql, found.normalized))
        there = offered_versions(sql, found)
    warned = warnings_view(
        visit.app.advice.of([found.normalized])[found.normalized], found.normalized, there.newest, there.versions
    )
    with visit.app.database.read() as sql:
        risks = at_risk(sql, found.normalized, there.versions, warned.badges)
    lines = [_line(visit, one, files) for one in sorted(releases, key=lambda one: Version(one.version), reverse=True)]
    return visit.page(
        "manage.html",
        lines=lines,
        timeline=_timeline(releases, visit.app.clock.now()),
        usage=usage,
        waiting=waiting,
        staged=staged,
        warned=warned,
        risks=risks,
    )


def release_page(visit: Visit) -> Response:
    """One release with its files."""
    found = visit.this_project
    with visit.app.database.read() as sql:
        subject = find_subject(sql, found.normalized, visit.path["version"], "", visit.actor)
        files = queries.files_of(sql, found.id)
    if subject.release is None:
        raise LookupError("a version was named")
    mine = [row for row in files if row.release_id == subject.release.id]
    return visit.page("manage_release.html", line=_line(visit, subject.release, files), files=mine)


def yank_it(visit: Visit) -> Response:
    """Yank a release or a file, or take it back."""
    undo = visit.field("undo") == "yes"
    wish = Yank(
        visit.this_project.normalized, visit.field("version", limit=200), visit.field("filename", limit=500),
        visit.field("reason", limit=1000), undo=undo, by=visit.actor,
    )  # fmt: skip
    name = visit.app.do(yank, wish)
    visit.app.renderer.render_after_commit(name)
    what = wish.filename or f"Version {wish.version}"
    return visit.go(_release_address(visit), said=f"{what} is {'no longer yanked' if undo else 'yanked'}.")


def reopen_it(visit: Visit) -> Response:
    """Let a release take new files again."""
    version = visit.field("version", limit=200, required=True)
    visit.app.do(reopen, Reopen(visit.this_project.normalized, version, visit.actor))
    days = visit.app.settings.release_open_days
    return visit.go(_release_address(visit), said=f"Version {version} takes new files for {days} days.")


def settings(visit: Visit) -> Response:
    """Status, and the dangerous things."""
    with visit.app.database.read() as sql:
        mark = sql.execute(
            sa.select(critical_mark.c.reason).where(critical_mark.c.normalized == visit.this_project.normalized)
        ).scalar()
    return visit.page("manage_settings.html", statuses=OWNER_STATUSES, critical=mark)


def status(visit: Visit) -> Response:
    """Archive, deprecate or make active again."""
    wish = SetStatus(
        visit.this_project.normalized, visit.field("status", limit=20), visit.field("reason", limit=1000),
        visit.field("successor", limit=100), visit.actor,
    )  # fmt: skip
    name = visit.app.do(set_status, wish)
    visit.app.renderer.render_after_commit(name)
    return visit.go(f"/manage/project/{name}/settings/", said=f"The project is {wish.status}.")


def delete_form(visit: Visit) -> Response:
    """The price of a deletion, and whether the policy allows it, before anything happens."""
    app, now = visit.app, visit.app.clock.now()
    version, filename = visit.query.get("version", "")[:200], visit.query.get("filename", "")[:500]
    policy = DeletionPolicy(timedelta(hours=app.settings.free_deletion_hours), app.settings.deletion_downloads)
    with app.database.read() as sql:
        subject = find_subject(sql, visit.this_project.normalized, version, filename, visit.actor)
        price = price_of(sql, subject, now)
    refusal = may_delete(price, subject.standing.role, policy, now, operator=visit.actor.operator)
    return visit.page(
        "delete.html", price=price, refusal=refusal, policy=policy, free=now - price.appeared_at <= policy.free_for
    )


def delete_it(visit: Visit) -> Response:
    """Delete, if the policy allows it and the name was typed again."""
    wish = Delete(
        visit.this_project.normalized, visit.field("version", limit=200), visit.field("filename", limit=500),
        visit.field("reason", limit=1000), visit.form.get("typed", "")[:600], by=visit.actor,
    )  # fmt: skip
    price = visit.app.remove(wish)
    if isinstance(price, PendingChange):
        return visit.go(f"/manage/project/{visit.this_project.normalized}/pending/", said=price.says_when)
    visit.app.renderer.render_after_commit(price.project.normalized)
    said = f"{price.what} is deleted. It can be restored here, with the same bytes."
    return visit.go(f"/manage/project/{price.project.normalized}/", said=said[0].upper() + said[1:])


def restore_it(visit: Visit) -> Response:
    """Undo a deletion."""
    wish = Restore(
        visit.this_project.normalized,
        visit.field("version", limit=200),
        visit.field("filename", limit=500),
        visit.actor,
    )
    back = visit.app.do(restore, wish)
    visit.app.renderer.render_after_commit(wish.project)
    said = f"Restored: {len(back)} {'file is' if len(back) == 1 else 'files are'} listed again, with the same digests."
    return visit.go(f"/manage/project/{wish.project}/", said=said)


def quarantine(visit: Visit) -> Response:
    """An operator quarantines a project or a release by hand, or lifts it."""
    name, version = visit.path["name"], visit.field("version", limit=200)
    reason, lift = visit.field("reason", limit=2000, required=True), visit.field("lift") == "yes"
    if version and lift:
        visit.app.do(order_release_lift, LiftRelease(name, version, reason, visit.actor))
    elif version:
        visit.app.do(order_release_quarantine, QuarantineRelease(name, version, reason, visit.actor))
    elif lift:
        visit.app.do(order_project_lift, LiftProject(name, reason, visit.actor))
    else:
        visit.app.do(order_project_quarantine, QuarantineProject(name, reason, visit.actor))
    said = "The quarantine is lifted." if lift else "It is quarantined: no file is offered by any address."
    return visit.go(f"/manage/project/{quote(name)}/", said=said)


def critical(visit: Visit) -> Response:
    """An operator marks a project as critical, or takes the mark away."""
    on = visit.field("critical") == "yes"
    name = visit.app.do(
        mark_critical, MarkCritical(visit.path["name"], visit.field("reason", limit=1000), on, visit.actor)
    )
    if isinstance(name, PendingChange):
        return visit.go(f"/manage/project/{quote(visit.path['name'])}/settings/", said=name.says_when)
    return visit.go(f"/manage/project/{name}/settings/", said="It is marked." if on else "The mark is gone.")


def _line(visit: Visit, release: Release, files: list[File]) -> ReleaseLine:
    mine = [row for row in files if row.release_id == release.id]
    opened = max(release.created_at, release.reopened_at or release.created_at)
    closes_at = opened + timedelta(days=visit.app.settings.release_open_days)
    here = [row for row in mine if row.listed]
    return ReleaseLine(
        release,
        files=len(here),
        deleted_files=sum(row.deleted_at is not None for row in mine),
        size_bytes=sum(row.size_bytes for row in here),
        closes_at=closes_at,
        is_open=visit.app.clock.now() <= closes_at,
    )


def _timeline(releases: list[Release], now: datetime) -> Timeline | None:
    return timeline_of(
        [Moment(one.version, one.created_at, one.yanked_at is not None) for one in releases if one.deleted_at is None],
        now,
    )


def _release_address(visit: Visit) -> str:
    version = visit.field("version", limit=200)
    if not version:
        filename = visit.field("filename", limit=500)
        with visit.app.database.read() as sql:
            subject = find_subject(sql, visit.this_project.normalized, "", filename, visit.actor)
        version = subject.version
    if not version:
        raise Refused("unknown", "No version was named.", status=404)
    return f"/manage/project/{visit.this_project.normalized}/release/{quote(version)}/"
