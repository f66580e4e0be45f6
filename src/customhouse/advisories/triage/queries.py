"""Reading the desk: the queue, one case, its verdicts, reasons that were given before, exceptions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.triage.false_positives import FalsePositives
from customhouse.advisories.triage.model import OPEN, Candidate, Status
from customhouse.advisories.triage.stored import read_candidates, read_case
from customhouse.advisories.triage.tables import triage_case, triage_damage, triage_exception, triage_verdict
from customhouse.formats.cve.model import CveRecord

_ONE = sa.select(triage_case).where(triage_case.c.id == sa.bindparam("case"))
_DIGESTS = sa.select(triage_case.c.id, triage_case.c.digest, triage_case.c.form).where(
    triage_case.c.id.in_(sa.bindparam("ids", expanding=True))
)
_QUEUE = sa.select(triage_case).order_by(triage_case.c.score.desc(), triage_case.c.id)
_TO_SEE = sa.or_(
    triage_case.c.status == "waiting", sa.and_(triage_case.c.status == "accepted", triage_case.c.note != "")
)
_REASONS = (
    sa.select(triage_verdict.c.reason, sa.func.max(triage_verdict.c.at).label("newest"))
    .where(triage_verdict.c.reason != "", triage_verdict.c.undone_at.is_(None))
    .group_by(triage_verdict.c.reason)
    .order_by(sa.desc("newest"))
)


@dataclass(frozen=True, slots=True)
class Case:
    """A record at the desk."""

    id: str
    form: str
    digest: str
    modified: datetime | None
    disputed: bool
    title: str
    score: int
    status: Status
    packages: tuple[str, ...]
    advisory_id: str
    automatic: bool
    reason: str
    decided_by: str
    decided_at: datetime | None
    note: str
    imported_at: datetime
    changed_at: datetime
    record: CveRecord | None = None
    candidates: tuple[Candidate, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether a verdict is wanted."""
        return self.status in OPEN or (self.status == "accepted" and bool(self.note))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody has said of a case."""

    id: int
    case_id: str
    verdict: str
    packages: tuple[str, ...]
    advisory_id: str
    reason: str
    by: str
    at: datetime
    undone_at: datetime | None


def find_case(sql: Connection, case_id: str, *, lock: bool = False) -> Case | None:
    """One record with its text and candidates."""
    statement = _ONE.with_for_update() if lock else _ONE
    row = sql.execute(statement, {"case": case_id}).one_or_none()
    return None if row is None else _case(row)


def queue(sql: Connection, status: str = "", *, most: int, after: tuple[int, str] | None = None) -> list[Case]:
    """Cases by score, the likeliest first; without a status those that somebody must look at now."""
    statement = _QUEUE.where(triage_case.c.status == status) if status else _QUEUE.where(_TO_SEE)
    if after is not None:
        score, case_id = after
        statement = statement.where(
            sa.or_(triage_case.c.score < score, sa.and_(triage_case.c.score == score, triage_case.c.id > case_id))
        )
    return [_case(row) for row in sql.execute(statement.limit(most))]


def counts(sql: Connection) -> dict[str, int]:
    """How many records there are of each status; ``see`` is how many somebody must look at now."""
    rows = sql.execute(sa.select(triage_case.c.status, sa.func.count()).group_by(triage_case.c.status))
    found: dict[str, int] = {row[0]: row[1] for row in rows}
    found["see"] = sql.execute(sa.select(sa.func.count()).select_from(triage_case).where(_TO_SEE)).scalar_one()
    return found


def digests(sql: Connection, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """The digests under which records are stored, and of which form they are."""
    rows = sql.execute(_DIGESTS, {"ids": list(ids)})
    return {row.id: (row.digest, row.form) for row in rows}


def every_digest(sql: Connection) -> frozenset[str]:
    """The digests of all records that are here."""
    return frozenset(sql.execute(sa.select(triage_case.c.digest)).scalars())


def verdicts_of(sql: Connection, case_id: str) -> list[Verdict]:
    """All that was said of a case, the newest first."""
    rows = sql.execute(
        sa.select(triage_verdict).where(triage_verdict.c.case_id == case_id).order_by(triage_verdict.c.id.desc())
    )
    return [_verdict(row) for row in rows]


def latest_verdicts(sql: Connection, *, most: int) -> list[Verdict]:
    """The newest verdicts of all cases that still hold."""
    standing = sa.select(triage_verdict).where(triage_verdict.c.undone_at.is_(None))
    return [_verdict(row) for row in sql.execute(standing.order_by(triage_verdict.c.id.desc()).limit(most))]


def latest_reasons(sql: Connection, *, most: int) -> list[str]:
    """The reasons that were given last, each once: most are given again."""
    return list(sql.execute(_REASONS.limit(most)).scalars())


def exceptions(sql: Connection) -> FalsePositives:
    """What was put on the list of false positives here."""
    found: dict[str, dict[str, str]] = {"id": {}, "package": {}}
    for row in sql.execute(sa.select(triage_exception).order_by(triage_exception.c.entry)):
        found[row.kind][row.entry] = row.reason
    return FalsePositives(found["id"], found["package"])


def damages(sql: Connection, *, most: int) -> list[tuple[str, str]]:
    """What could not be read: place and reason, by place."""
    rows = sql.execute(
        sa.select(triage_damage.c.place, triage_damage.c.reason).order_by(triage_damage.c.place).limit(most)
    )
    return [(place, reason) for place, reason in rows]


def _case(row: Any) -> Case:
    return Case(
        row.id, row.form, row.digest, row.modified, row.disputed, row.title, row.score, cast("Status", row.status),
        tuple(row.packages), row.advisory_id or "", row.automatic, row.reason, row.decided_by, row.decided_at, row.note,
        row.imported_at, row.changed_at, None if row.record is None else read_case(row.record),
        read_candidates(row.candidates),
    )  # fmt: skip


def _verdict(row: Any) -> Verdict:
    return Verdict(
        row.id, row.case_id, row.verdict, tuple(row.packages), row.advisory_id or "", row.reason, row.by, row.at,
        row.undone_at,
    )  # fmt: skip
