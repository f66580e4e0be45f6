"""Reads of reports, cases and holds. Every function takes an open connection and names what it returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.infra.db import Instant
from customhouse.reports.claim import Claim, Kind
from customhouse.reports.model import CLEARING, Past, Verdict
from customhouse.reports.tables import hold, report, report_case

_CASE = (
    report_case.c.id,
    report_case.c.project_id,
    report_case.c.opened_at,
    report_case.c.decided_at,
    report_case.c.verdict,
    report_case.c.note,
    report_case.c.decided_by,
    report_case.c.newest_file_id,
    report_case.c.frozen_account_id,
)
_REPORT = (
    report.c.id,
    report.c.case_id,
    report.c.account_id,
    report.c.kind,
    report.c.version,
    report.c.filename,
    report.c.imitates,
    report.c.text,
    report.c.evidence_url,
    report.c.evidence_excerpt,
    report.c.evidence_path,
    report.c.evidence_line,
    report.c.created_at,
)
_HOLD = (
    hold.c.id,
    hold.c.project_id,
    hold.c.release_id,
    hold.c.case_id,
    hold.c.origin,
    hold.c.status,
    hold.c.reason,
    hold.c.began_at,
    hold.c.began_by,
    hold.c.earlier_status,
    hold.c.earlier_reason,
    hold.c.ended_at,
    hold.c.ended_by,
    hold.c.ended_how,
)
# Made once: building a statement costs more than running it.
_OPEN_CASE = sa.select(*_CASE).where(
    report_case.c.project_id == sa.bindparam("project"), report_case.c.decided_at.is_(None)
)
_ONE_CASE = sa.select(*_CASE).where(report_case.c.id == sa.bindparam("case"))
_OPEN_CASES = (
    sa.select(*_CASE).where(report_case.c.decided_at.is_(None)).order_by(report_case.c.id).limit(sa.bindparam("most"))
)
_CASES_OF_PROJECT = (
    sa.select(*_CASE).where(report_case.c.project_id == sa.bindparam("project")).order_by(report_case.c.id.desc())
)
_DECIDED_CASES = (
    sa.select(*_CASE)
    .where(report_case.c.decided_at.is_not(None))
    .order_by(report_case.c.decided_at.desc())
    .limit(sa.bindparam("most"))
)
_REPORTS = sa.select(*_REPORT).where(report.c.case_id.in_(sa.bindparam("cases", expanding=True))).order_by(report.c.id)
_PASTS = (
    sa.select(report.c.account_id, report.c.kind, report_case.c.verdict, report_case.c.decided_at)
    .join(report_case, report_case.c.id == report.c.case_id)
    .where(report.c.account_id.in_(sa.bindparam("accounts", expanding=True)))
)
_SENT_SINCE = (
    sa.select(report.c.created_at)
    .where(report.c.account_id == sa.bindparam("account"), report.c.created_at > sa.bindparam("since", type_=Instant))
    .order_by(report.c.created_at)
)
_MINE = (
    sa.select(*_REPORT, report_case.c.verdict, report_case.c.decided_at, report_case.c.note)
    .join(report_case, report_case.c.id == report.c.case_id)
    .where(report.c.account_id == sa.bindparam("account"), report_case.c.project_id == sa.bindparam("project"))
    .order_by(report.c.id.desc())
)
_UNDECIDED = (
    sa.select(report.c.account_id, sa.func.count(sa.distinct(report.c.case_id)))
    .join(report_case, report_case.c.id == report.c.case_id)
    .join(hold, hold.c.case_id == report.c.case_id)
    .where(
        report.c.account_id.in_(sa.bindparam("accounts", expanding=True)),
        report.c.kind == "malware",
        report_case.c.decided_at.is_(None),
        hold.c.origin == "reports",
        hold.c.ended_at.is_(None),
    )
    .group_by(report.c.account_id)
)
_CLEARED = sa.select(sa.func.max(report_case.c.newest_file_id)).where(
    report_case.c.project_id == sa.bindparam("project"),
    report_case.c.decided_at.is_not(None),
    report_case.c.verdict.in_(CLEARING),
)
_LIFTED = sa.select(sa.func.max(hold.c.newest_file_id)).where(hold.c.project_id == sa.bindparam("project"))
_HOLDS_OF_CASE = sa.select(*_HOLD).where(hold.c.case_id == sa.bindparam("case")).order_by(hold.c.id)
_HOLDS_OF_PROJECT = (
    sa.select(*_HOLD).where(hold.c.project_id == sa.bindparam("project")).order_by(hold.c.id.desc()).limit(100)
)
_HELD_PROJECT = sa.select(*_HOLD).where(
    hold.c.project_id == sa.bindparam("project"), hold.c.release_id.is_(None), hold.c.ended_at.is_(None)
)
_HELD_RELEASE = sa.select(*_HOLD).where(hold.c.release_id == sa.bindparam("release"), hold.c.ended_at.is_(None))


@dataclass(frozen=True, slots=True)
class Case:
    """The reports about one project until an operator decides."""

    id: int
    project_id: int
    opened_at: datetime
    decided_at: datetime | None
    verdict: Verdict | Literal[""]
    note: str
    decided_by: str
    newest_file_id: int | None
    frozen_account_id: int | None

    @property
    def open(self) -> bool:
        """Whether it still waits for a verdict."""
        return self.decided_at is None


@dataclass(frozen=True, slots=True)
class Filed:
    """One report as it was filed."""

    id: int
    case_id: int
    account_id: int
    claim: Claim
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Mine:
    """One of somebody's own reports and what became of it."""

    filed: Filed
    verdict: Verdict | Literal[""]
    decided_at: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that is, or was, held back: a project or one of its releases."""

    id: int
    project_id: int
    release_id: int | None
    case_id: int | None
    origin: Literal["reports", "verdict", "operator"]
    status: Literal["quarantined", "archived"]
    reason: str
    began_at: datetime
    began_by: str
    earlier_status: str
    earlier_reason: str
    ended_at: datetime | None
    ended_by: str
    ended_how: str


def open_case(sql: Connection, project_id: int) -> Case | None:
    """The case that a new report about this project would join."""
    row = sql.execute(_OPEN_CASE, {"project": project_id}).one_or_none()
    return Case(*row) if row else None


def find_case(sql: Connection, case_id: int) -> Case | None:
    """The case of that number."""
    row = sql.execute(_ONE_CASE, {"case": case_id}).one_or_none()
    return Case(*row) if row else None


def open_cases(sql: Connection, *, limit: int) -> list[Case]:
    """The cases that wait for a verdict, oldest first."""
    return [Case(*row) for row in sql.execute(_OPEN_CASES, {"most": limit})]


def cases_of_project(sql: Connection, project_id: int) -> list[Case]:
    """Every case about one project, newest first."""
    return [Case(*row) for row in sql.execute(_CASES_OF_PROJECT, {"project": project_id})]


def decided_cases(sql: Connection, *, limit: int) -> list[Case]:
    """The cases that were decided last, newest first."""
    return [Case(*row) for row in sql.execute(_DECIDED_CASES, {"most": limit})]


def reports_of(sql: Connection, case_ids: Iterable[int]) -> list[Filed]:
    """The reports of these cases, oldest first."""
    wanted = list(case_ids)
    return [_filed(row) for row in sql.execute(_REPORTS, {"cases": wanted})] if wanted else []


def pasts_of(sql: Connection, account_ids: Iterable[int]) -> dict[int, list[Past]]:
    """What became of every report that these accounts have ever sent."""
    found: dict[int, list[Past]] = {account_id: [] for account_id in account_ids}
    if found:
        for row in sql.execute(_PASTS, {"accounts": list(found)}):
            found[row.account_id].append(Past(row.kind, row.verdict, row.decided_at))
    return found


def sent_since(sql: Connection, account_id: int, since: datetime) -> list[datetime]:
    """When this account has sent reports after a moment, oldest first."""
    return list(sql.execute(_SENT_SINCE, {"account": account_id, "since": since}).scalars())


def sent_about(sql: Connection, account_id: int, project_id: int) -> list[Mine]:
    """The reports of one account about one project, newest first, with what became of them."""
    rows = sql.execute(_MINE, {"account": account_id, "project": project_id})
    return [Mine(_filed(row), row.verdict, row.decided_at, row.note) for row in rows]


def undecided_quarantines(sql: Connection, account_ids: Iterable[int]) -> dict[int, int]:
    """How many cases, in which each account reported malware, reports have quarantined and nobody has decided."""
    wanted = list(account_ids)
    rows = sql.execute(_UNDECIDED, {"accounts": wanted}).all() if wanted else ()
    return {row[0]: row[1] for row in rows}


def cleared_file_id(sql: Connection, project_id: int) -> int:
    """The newest file of a project that an operator has cleared, by a verdict or by lifting a hold; 0 if none."""
    parameters = {"project": project_id}
    return max(sql.execute(_CLEARED, parameters).scalar() or 0, sql.execute(_LIFTED, parameters).scalar() or 0)


def holds_of_case(sql: Connection, case_id: int) -> list[Hold]:
    """What a case holds back or has held back, oldest first."""
    return [_hold(row) for row in sql.execute(_HOLDS_OF_CASE, {"case": case_id})]


def holds_of_project(sql: Connection, project_id: int) -> list[Hold]:
    """What is or was held back of a project, newest first."""
    return [_hold(row) for row in sql.execute(_HOLDS_OF_PROJECT, {"project": project_id})]


def project_hold(sql: Connection, project_id: int) -> Hold | None:
    """What holds a whole project back now."""
    row = sql.execute(_HELD_PROJECT, {"project": project_id}).one_or_none()
    return _hold(row) if row else None


def release_hold(sql: Connection, release_id: int) -> Hold | None:
    """What holds one release back now."""
    row = sql.execute(_HELD_RELEASE, {"release": release_id}).one_or_none()
    return _hold(row) if row else None


def kinds_of(reports: Iterable[Filed]) -> list[Kind]:
    """The kinds that these reports name, each once, in the order of their first report."""
    return list(dict.fromkeys(one.claim.kind for one in reports))


def _hold(row: Any) -> Hold:
    return Hold(*row)


def _filed(row: Any) -> Filed:
    claim = Claim(
        kind=row.kind,
        text=row.text,
        version=row.version,
        filename=row.filename,
        imitates=row.imitates,
        evidence_url=row.evidence_url,
        evidence_excerpt=row.evidence_excerpt,
        evidence_path=row.evidence_path,
        evidence_line=row.evidence_line,
    )
    return Filed(row.id, row.case_id, row.account_id, claim, row.created_at)
