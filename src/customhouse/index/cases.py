"""What operators and support read of cases: the queue, and one case with everything that helps to decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from packaging.version import Version
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog import queries as catalog
from customhouse.catalog import rights
from customhouse.catalog.downloads import queries as downloads
from customhouse.catalog.model import File, Project
from customhouse.catalog.tables import critical_mark, project
from customhouse.index.quarantine import newest_file_id
from customhouse.index.reporters import as_reporters_of, known_reporters, reporters_of
from customhouse.reports import queries
from customhouse.reports.automatic import Reporter
from customhouse.reports.claim import Kind
from customhouse.reports.model import Outcome, outcome
from customhouse.reports.queries import Case, Filed, Hold
from customhouse.reports.weight import Gravity, gravity
from customhouse.terms.errors import Refused

MAX_OPEN = 1000
DOWNLOAD_DAYS = 30
NEWEST_SHOWN = 3
"""Releases shown beside those that are reported."""

_NAMES = sa.select(project.c.id, project.c.normalized, project.c.display, project.c.created_at, project.c.status).where(
    project.c.id.in_(sa.bindparam("projects", expanding=True))
)
_NORMALIZED = sa.select(project.c.normalized).where(project.c.id == sa.bindparam("id"))
_PEOPLE = sa.select(account.c.id, account.c.name, account.c.frozen_at).where(
    account.c.id.in_(sa.bindparam("accounts", expanding=True))
)
_CRITICAL = sa.select(critical_mark.c.reason).where(critical_mark.c.normalized == sa.bindparam("normalized"))


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the queue."""

    case: Case
    normalized: str
    display: str
    status: str
    created_at: datetime
    kinds: Sequence[Kind]
    reports: int
    trusted: int
    """Reports by trusted reporters."""
    gravity: Gravity
    downloads: int


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One report with what is known of its reporter."""

    filed: Filed
    reporter: Reporter
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file beside the report: who uploaded it and what the strict reader noticed."""

    file: File
    uploader: str
    reported: bool


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release beside the report, with the one before it to compare it with."""

    version: str
    previous: str
    """Empty if it is the first."""
    reported: bool
    quarantined: bool
    files: Sequence[UploadedFile]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything about one case."""

    case: Case
    project: Project
    reports: Sequence[ReportRow]
    gravity: Gravity
    releases: Sequence[ReleaseRow]
    more_releases: int
    holds: Sequence[Hold]
    held_versions: Mapping[int, str]
    """Versions of the releases that holds name, by their id."""
    others: Sequence[Case]
    """Other cases about the project, newest first."""
    people: Sequence[tuple[str, str]]
    """Names and roles of its owners and maintainers."""
    uploaders: Sequence[str]
    frozen: str
    """Whom the verdict froze."""
    downloads: int
    critical: str
    """Why it is critical, empty if it is not."""
    newest_file_id: int


def queue(sql: Connection, now: datetime, young_for: timedelta) -> list[QueueRow]:
    """The open cases, the gravest first; of equally grave ones the oldest."""
    cases = queries.open_cases(sql, limit=MAX_OPEN)
    reports: dict[int, list[Filed]] = {case.id: [] for case in cases}
    for filed in queries.reports_of(sql, reports):
        reports[filed.case_id].append(filed)
    known = known_reporters(sql, (filed.account_id for found in reports.values() for filed in found), now)
    ids = [case.project_id for case in cases]
    names = {row.id: row for row in sql.execute(_NAMES, {"projects": ids})} if ids else {}
    rows = []
    for case in cases:
        found, row = reports[case.id], names[case.project_id]
        here = as_reporters_of(sql, row.id, {filed.account_id: known[filed.account_id] for filed in found})
        taken = _downloads(sql, row.id, now)
        kinds = queries.kinds_of(found)
        weight = gravity(
            kinds,
            list(here.values()),
            project_age=now - row.created_at,
            young_for=young_for,
            held=row.status == "quarantined",
            downloads=taken,
            now=now,
        )
        trusted = sum(here[filed.account_id].reputation.trusted for filed in found)
        rows.append(
            QueueRow(
                case, row.normalized, row.display, row.status, row.created_at, kinds, len(found), trusted, weight, taken
            )
        )
    return sorted(rows, key=lambda row: (-row.gravity.weight, row.case.id))


def decided(sql: Connection, *, limit: int) -> list[tuple[Case, str]]:
    """The cases that were decided last, each with its project's normalised name."""
    cases = queries.decided_cases(sql, limit=limit)
    ids = [case.project_id for case in cases]
    names = {row.id: row.normalized for row in sql.execute(_NAMES, {"projects": ids})} if ids else {}
    return [(case, names[case.project_id]) for case in cases]


def case_file(sql: Connection, case_id: int, now: datetime, young_for: timedelta) -> CaseFile:
    """One case; raises `Refused` (404) if there is none of that number."""
    case = queries.find_case(sql, case_id)
    if case is None:
        raise Refused("unknown-case", f"There is no case {case_id}.", status=404)
    found = project_of(sql, case)
    reports = queries.reports_of(sql, [case.id])
    reporters = reporters_of(sql, found.id, (filed.account_id for filed in reports), now)
    files = catalog.files_of(sql, found.id)
    people = rights.people_of(sql, found.id)
    names = _names(sql, {file.uploader_id or 0 for file in files} | {account_id for account_id, _role in people}, case)
    releases, more = _releases(files, reports, names)
    held = found.status == "quarantined" or any(file.quarantined_at for file in files)
    taken = _downloads(sql, found.id, now)
    return CaseFile(
        case=case,
        project=found,
        reports=[
            ReportRow(filed, reporters[filed.account_id], outcome(filed.claim.kind, case.verdict)) for filed in reports
        ],
        gravity=gravity(
            queries.kinds_of(reports), list(reporters.values()), project_age=now - found.created_at,
            young_for=young_for, held=held, downloads=taken, now=now,
        ),
        releases=releases,
        more_releases=more,
        holds=queries.holds_of_project(sql, found.id),
        held_versions={release.id: release.version for release in catalog.releases_of(sql, found.id)},
        others=[other for other in queries.cases_of_project(sql, found.id) if other.id != case.id],
        people=[(names[account_id], role) for account_id, role in people],
        uploaders=sorted({_sender(file, names) for file in files}),
        frozen=names.get(case.frozen_account_id or 0, ""),
        downloads=taken,
        critical=sql.execute(_CRITICAL, {"normalized": found.normalized}).scalar() or "",
        newest_file_id=newest_file_id(sql, found.id),
    )  # fmt: skip


def project_of(sql: Connection, case: Case) -> Project:
    """The project that a case is about, deleted or not."""
    normalized = sql.execute(_NORMALIZED, {"id": case.project_id}).scalar_one()
    found = catalog.find_project(sql, normalized)
    if found is None:
        raise LookupError(normalized)
    return found


def _downloads(sql: Connection, project_id: int, now: datetime) -> int:
    return downloads.counted_since(sql, since=downloads.first_day(now, DOWNLOAD_DAYS), project_id=project_id)


def _names(sql: Connection, account_ids: set[int], case: Case) -> dict[int, str]:
    wanted = account_ids | ({case.frozen_account_id} if case.frozen_account_id is not None else set())
    rows = sql.execute(_PEOPLE, {"accounts": sorted(wanted)}).all() if wanted else ()
    return {row.id: row.name for row in rows}


def _sender(file: File, names: Mapping[int, str]) -> str:
    """Who sent a file, in words."""
    return names[file.uploader_id] if file.uploader_id is not None else "a trusted publisher"


def _releases(
    files: Sequence[File], reports: Sequence[Filed], names: Mapping[int, str]
) -> tuple[list[ReleaseRow], int]:
    """The reported releases and the newest ones, newest first, and how many more there are."""
    by_version: dict[str, list[File]] = {}
    for file in files:
        by_version.setdefault(file.version, []).append(file)
    ordered = sorted(by_version, key=Version)
    before = dict(zip(ordered[1:], ordered, strict=False))
    named = {filed.claim.version for filed in reports if filed.claim.version}
    filenames = {filed.claim.filename for filed in reports if filed.claim.filename}
    shown = [version for version in reversed(ordered) if version in named or version in ordered[-NEWEST_SHOWN:]]
    rows = [
        ReleaseRow(
            version,
            before.get(version, ""),
            version in named,
            any(file.quarantined_at for file in by_version[version]),
            [UploadedFile(file, _sender(file, names), file.filename in filenames) for file in by_version[version]],
        )
        for version in shown
    ]
    return rows, len(ordered) - len(shown)
