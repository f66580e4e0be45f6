"""Reporting a project: the report joins the project's open case, and two of them may be enough to hold it back.

See `reports.automatic` for the policy. All of it happens in the reporter's own transaction, so what the reports bring
about is in effect when the second reporter is answered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import sqlalchemy as sa

from customhouse.accounts.tables import account
from customhouse.accounts.users import User, find_user_by_id
from customhouse.catalog import queries as catalog
from customhouse.catalog import rights
from customhouse.catalog.model import Project
from customhouse.catalog.tables import critical_mark, file, release
from customhouse.index.owes import refuse_unverified
from customhouse.index.quarantine import newest_file_id, quarantine_project, quarantine_release
from customhouse.index.reporters import reporters_of
from customhouse.infra.db import insert_new
from customhouse.infra.settings import Settings
from customhouse.ledger.tx import Tx
from customhouse.reports import queries
from customhouse.reports.automatic import (
    Decision,
    FreshRelease,
    Suspect,
    Witness,
    automatic_quarantine,
)
from customhouse.reports.claim import Claim
from customhouse.reports.events import CaseOpened, QuarantinedByReports, ReportFiled, ReportRefused
from customhouse.reports.queries import Case
from customhouse.reports.tables import report, report_case
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import SYSTEM, Actor
from customhouse.terms.names import normalize

DAY = timedelta(days=1)

# Made once: building a statement costs more than running it. NO KEY: an upload may point at the account meanwhile.
_LOCK_ACCOUNT = sa.select(account.c.id).where(account.c.id == sa.bindparam("id")).with_for_update(key_share=True)
_CRITICAL = sa.select(critical_mark.c.normalized).where(critical_mark.c.normalized == sa.bindparam("normalized"))
_FILE = (
    sa.select(release.c.version)
    .join(file, file.c.release_id == release.c.id)
    .where(file.c.project_id == sa.bindparam("project"), file.c.filename == sa.bindparam("filename"))
)
_RELEASES = (
    sa.select(
        release.c.version,
        release.c.quarantined_at,
        sa.func.max(file.c.uploaded_at).label("uploaded_at"),
        sa.func.max(file.c.id).label("newest"),
    )
    .join(file, file.c.release_id == release.c.id)
    .where(
        release.c.project_id == sa.bindparam("project"), release.c.version.in_(sa.bindparam("versions", expanding=True))
    )
    .group_by(release.c.id, release.c.version, release.c.quarantined_at)
    .order_by(release.c.version)
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator has set."""

    young_for: timedelta
    reports_per_day: int

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """From the settings."""
        return cls(timedelta(days=settings.young_project_days), settings.reports_per_day)


@dataclass(frozen=True, slots=True)
class FileReport:
    """Somebody's wish to report a project."""

    project: str
    claim: Claim
    by: Actor
    rules: Rules


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """A report that was taken, the case that it joined or opened, and what it brought about."""

    report_id: int
    case_id: int
    project: str
    opened: bool
    quarantined: str | None
    """None: nothing; empty: the whole project; else the release."""


def file_report(command: FileReport, tx: Tx) -> ReportTaken:
    """Take a report. Raises `Refused` for a second one of its kind, or for more in a day than are allowed.

    The project is locked first: of two reports that come at once, the second sees the first, so together they bring
    about what they would one after the other, and once.
    """
    project = catalog.find_project(tx.sql, normalize(command.project), lock=True)
    if project is None or project.deleted_at is not None or not rights.standing(tx.sql, project, command.by).reads:
        raise Refused("unknown-project", f"There is no project named {command.project[:100]!r} here.", status=404)
    reporter = _reporter(command.by, tx)
    claim = _known_place(project, command.claim, tx)
    _refuse_too_many(reporter, project, command, tx)
    case, opened = _join_case(project, tx)
    written = insert_new(
        tx.sql,
        report,
        case_id=case.id,
        account_id=reporter.id,
        kind=claim.kind,
        version=claim.version,
        filename=claim.filename,
        imitates=claim.imitates,
        text=claim.text,
        evidence_url=claim.evidence_url,
        evidence_excerpt=claim.evidence_excerpt,
        evidence_path=claim.evidence_path,
        evidence_line=claim.evidence_line,
        created_at=tx.now(),
    )
    if written is None:
        raise Refused(
            "already-reported",
            f"You have reported {project.display!r} for {claim.kind} already, and that report is open.",
            "An operator will read it; a report of another kind is welcome.",
            status=409,
            records=(_trace(reporter, project, claim, "already-reported"),),
        )
    tx.record(
        ReportFiled(
            reporter.identity, project.normalized, report_id=written.id, case_id=case.id, report_kind=claim.kind,
            version=claim.version, filename=claim.filename,
        )
    )  # fmt: skip
    if opened:
        tx.record(
            CaseOpened(
                SYSTEM, project.normalized, case_id=case.id, report_kind=claim.kind, version=claim.version,
                reporters=(str(reporter.id),),
            )
        )  # fmt: skip
    return ReportTaken(
        written.id, case.id, project.normalized, opened, _act_on_reports(project, case, command.rules, tx)
    )


def _reporter(actor: Actor, tx: Tx) -> User:
    """Who reports, locked, so that two of his reports at once are counted one after the other."""
    if actor.account_id is None:
        raise Refused("no-account", "Reports come from people with an account here.", "Sign in first.", status=401)
    tx.sql.execute(_LOCK_ACCOUNT, {"id": actor.account_id})
    reporter = find_user_by_id(tx.sql, actor.account_id)
    refuse_unverified(tx.sql, reporter.id)
    if reporter.frozen:
        raise Refused("account-frozen", f"The account {reporter.name!r} is frozen.", "Ask an operator of this index.")
    return reporter


def _known_place(project: Project, claim: Claim, tx: Tx) -> Claim:
    """The claim, if the project has its version and file; the version comes from the file if only that is named."""
    version = claim.version
    if claim.filename:
        found = tx.sql.execute(_FILE, {"project": project.id, "filename": claim.filename}).scalar_one_or_none()
        if found is None:
            raise Rejected(
                "unknown-file", "file", f"{project.display!r} has no file {claim.filename[:100]!r}",
                "the name of one of its files, or nothing",
            )  # fmt: skip
        if version and version != found:
            raise Rejected("file-of-another-version", "file", f"belongs to version {found}", f"a file of {version}")
        version = found
    elif version and catalog.find_release(tx.sql, project.id, version) is None:
        raise Rejected(
            "unknown-version", "version", f"{project.display!r} has no version {version[:80]!r}",
            "one of its versions, or nothing",
        )  # fmt: skip
    if claim.imitates == project.normalized:
        raise Rejected("imitates-itself", "imitates", "is this project itself", "the project that this one imitates")
    return replace(claim, version=version)


def _refuse_too_many(reporter: User, project: Project, command: FileReport, tx: Tx) -> None:
    most = command.rules.reports_per_day
    sent = queries.sent_since(tx.sql, reporter.id, tx.now() - DAY)
    if len(sent) < most:
        return
    again_at = sent[-most] + DAY
    raise Refused(
        "too-many-reports",
        f"You have sent {len(sent)} reports in the last 24 hours, and {most} are the most.",
        f"Send the next one after {again_at:%Y-%m-%d %H:%M} UTC; if many projects are concerned, write to an operator.",
        status=429,
        records=(_trace(reporter, project, command.claim, "too-many-reports"),),
    )


def _trace(reporter: User, project: Project, claim: Claim, code: str) -> ReportRefused:
    return ReportRefused(reporter.identity, project.normalized, code=code, report_kind=claim.kind)


def _join_case(project: Project, tx: Tx) -> tuple[Case, bool]:
    """The project's open case, and whether this report opens it."""
    found = queries.open_case(tx.sql, project.id)
    if found is not None:
        return found, False
    tx.sql.execute(report_case.insert().values(project_id=project.id, opened_at=tx.now()))
    new = queries.open_case(tx.sql, project.id)
    if new is None:
        raise LookupError(project.id)
    return new, True


def _act_on_reports(project: Project, case: Case, rules: Rules, tx: Tx) -> str | None:
    """Quarantine what the policy says; the version, empty for the whole project, or None."""
    decision = _decide(project, case, rules, tx)
    if decision is None:
        return None
    reason = f"Independent reports of malware, not yet looked at by an operator (case {case.id})."
    if decision.version:
        quarantine_release(tx, project.id, decision.version, reason, SYSTEM, case_id=case.id, origin="reports")
    else:
        quarantine_project(tx, project.id, reason, SYSTEM, case_id=case.id, origin="reports")
    tx.record(
        QuarantinedByReports(
            SYSTEM, project.normalized, case_id=case.id, version=decision.version,
            reporters=tuple(str(reporter.account_id) for reporter in decision.reporters),
            names=tuple(reporter.name for reporter in decision.reporters),
        )
    )  # fmt: skip
    return decision.version


def _decide(project: Project, case: Case, rules: Rules, tx: Tx) -> Decision | None:
    reports = [one for one in queries.reports_of(tx.sql, [case.id]) if one.claim.kind == "malware"]
    if len(reports) < 2:  # noqa: PLR2004 - one report is never enough, and most cases have one
        return None
    now = tx.now()
    reporters = reporters_of(tx.sql, project.id, (one.account_id for one in reports), now)
    witnesses = [Witness(reporters[one.account_id], one.claim.version) for one in reports]
    versions = sorted({witness.version for witness in witnesses if witness.version})
    suspect = Suspect(
        created_at=project.created_at,
        critical=tx.sql.execute(_CRITICAL, {"normalized": project.normalized}).first() is not None,
        held=project.status == "quarantined",
        newest_file_id=newest_file_id(tx.sql, project.id),
        cleared_file_id=queries.cleared_file_id(tx.sql, project.id),
    )
    rows = tx.sql.execute(_RELEASES, {"project": project.id, "versions": versions}).all() if versions else ()
    fresh = [FreshRelease(row.version, row.uploaded_at, row.newest, row.quarantined_at is not None) for row in rows]
    return automatic_quarantine(suspect, fresh, witnesses, young_for=rules.young_for, now=now)
