"""Reads of recovery cases. Every function takes an open connection and names what it returns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.index.recovery.model import Case, Kind, Proof
from customhouse.index.recovery.tables import recovery_approval, recovery_case, recovery_objection, recovery_proof

_C = recovery_case.c
_CASE = (
    _C.id, _C.public_id, _C.account_id, _C.sent, _C.email, _C.opened_at, _C.announced_at, _C.expires_at, _C.new_email,
    _C.new_email_at, _C.held_at, _C.approved_at, _C.due_at, _C.reopens_at, _C.contested_at, _C.closed_at, _C.outcome,
    _C.closed_by, _C.note,
)  # fmt: skip
_P = recovery_proof.c
_PROOF = (_P.kind, _P.subject, _P.rests_on, _P.how, _P.at, _P.person_id, _P.accepted, _P.own)
# Made once: building a statement costs more than running it, and each upload asks for what holds it.
_BY_ID = sa.select(*_CASE).where(_C.id == sa.bindparam("id"))
_BY_PUBLIC_ID = sa.select(*_CASE).where(_C.public_id == sa.bindparam("public_id"))
_OPEN_OF_ACCOUNT = (
    sa.select(*_CASE).where(_C.account_id == sa.bindparam("account"), _C.closed_at.is_(None)).order_by(_C.id)
)
_HOLDS = sa.or_(
    sa.and_(_C.closed_at.is_(None), _C.held_at.is_not(None)),
    sa.and_(_C.outcome == "completed", _C.reopens_at > sa.bindparam("now", type_=_C.reopens_at.type)),
)
_HOLDING = sa.select(*_CASE).where(_C.account_id == sa.bindparam("account"), _HOLDS)
_HOLDING_AMONG = sa.select(*_CASE).where(_C.account_id.in_(sa.bindparam("accounts", expanding=True)), _HOLDS)
_PROOFS = sa.select(*_PROOF).where(_P.case_id == sa.bindparam("case")).order_by(_P.id)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row of the evidence ledger."""

    kind: Kind
    subject: str
    rests_on: tuple[str, ...]
    how: str
    at: datetime
    person_id: int | None
    accepted: bool
    own: bool

    @property
    def proof(self) -> Proof:
        """The same for the rules."""
        return Proof(self.kind, frozenset(self.rests_on), self.own)


@dataclass(frozen=True, slots=True)
class Approval:
    """An operator's yes."""

    account_id: int
    name: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Objection:
    """Somebody's no, and what an operator answered."""

    account_id: int
    name: str
    at: datetime
    reason: str
    answer: str
    answered_by: str
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of the cases that ended since some moment, and how many are open now."""

    durations: Sequence[timedelta]
    """From the opening to the end, of those that gave an account back; the shortest first."""
    open: int
    outcomes: Mapping[str, int]


def find_case(sql: Connection, case_id: int, *, lock: bool = False) -> Case | None:
    """The case of that number; ``lock`` keeps rivals waiting until commit."""
    wanted = _BY_ID.with_for_update() if lock else _BY_ID
    row = sql.execute(wanted, {"id": case_id}).one_or_none()
    return _case(row) if row else None


def case_by_public_id(sql: Connection, public_id: str) -> Case | None:
    """The case that a link names."""
    row = sql.execute(_BY_PUBLIC_ID, {"public_id": public_id}).one_or_none()
    return _case(row) if row else None


def open_cases_of(sql: Connection, account_id: int) -> list[Case]:
    """The open cases about an account, the oldest first."""
    return [_case(row) for row in sql.execute(_OPEN_OF_ACCOUNT, {"account": account_id})]


def holding_cases(sql: Connection, account_id: int, now: datetime) -> list[Case]:
    """Cases because of which the account publishes nothing now."""
    return [_case(row) for row in sql.execute(_HOLDING, {"account": account_id, "now": now})]


def holding_cases_among(sql: Connection, account_ids: Collection[int], now: datetime) -> list[Case]:
    """The same for several accounts."""
    return [_case(row) for row in sql.execute(_HOLDING_AMONG, {"accounts": sorted(account_ids), "now": now})]


def evidence_of(sql: Connection, case_id: int) -> list[Evidence]:
    """Everything that was checked, in the order in which it was."""
    rows = sql.execute(_PROOFS, {"case": case_id})
    return [
        Evidence(row.kind, row.subject, tuple(row.rests_on), row.how, row.at, row.person_id, row.accepted, row.own)
        for row in rows
    ]


def proofs_of(sql: Connection, case_id: int) -> list[Proof]:
    """The accepted proofs."""
    return [evidence.proof for evidence in evidence_of(sql, case_id) if evidence.accepted]


def approvals_of(sql: Connection, case_id: int) -> list[Approval]:
    """Who has agreed, the first one first."""
    rows = sql.execute(
        sa.select(recovery_approval.c.account_id, account.c.name, recovery_approval.c.at, recovery_approval.c.note)
        .join(account, account.c.id == recovery_approval.c.account_id)
        .where(recovery_approval.c.case_id == case_id)
        .order_by(recovery_approval.c.at)
    )
    return [Approval(*row) for row in rows]


def voices_of(sql: Connection, case_id: int) -> list[int]:
    """Ids of those who have agreed and are operators now, and not frozen."""
    rows = sql.execute(
        sa.select(recovery_approval.c.account_id)
        .join(account, account.c.id == recovery_approval.c.account_id)
        .where(recovery_approval.c.case_id == case_id, account.c.site_role == "operator", account.c.frozen_at.is_(None))
        .order_by(recovery_approval.c.account_id)
    )
    return list(rows.scalars())


def objections_of(sql: Connection, case_id: int) -> list[Objection]:
    """Who has objected, the first one first."""
    o = recovery_objection.c
    rows = sql.execute(
        sa.select(o.account_id, account.c.name, o.at, o.reason, o.answer, o.answered_by, o.answered_at)
        .join(account, account.c.id == o.account_id)
        .where(o.case_id == case_id)
        .order_by(o.at)
    )
    return [Objection(*row) for row in rows]


def open_cases(sql: Connection, *, limit: int) -> list[tuple[Case, str]]:
    """Open cases about accounts that exist, the oldest first, each with the account's name."""
    return _named(sql, _C.closed_at.is_(None), _C.id, limit)


def closed_cases(sql: Connection, *, limit: int) -> list[tuple[Case, str]]:
    """The cases that ended last, likewise."""
    return _named(sql, _C.closed_at.is_not(None), _C.closed_at.desc(), limit)


def name_of(sql: Connection, account_id: int | None) -> str:
    """An account's name; empty for none."""
    return sql.execute(sa.select(account.c.name).where(account.c.id == (account_id or 0))).scalar() or ""


def finished_times(sql: Connection, since: datetime) -> Finished:
    """How recovery has gone, for everybody to see: numbers alone, of accounts that exist."""
    about_somebody = _C.account_id.is_not(None)
    rows = sql.execute(
        sa.select(_C.opened_at, _C.closed_at, _C.outcome).where(about_somebody, _C.closed_at >= since)
    ).all()
    outcomes: dict[str, int] = {}
    for row in rows:
        outcomes[row.outcome] = outcomes.get(row.outcome, 0) + 1
    waiting = sql.execute(sa.select(sa.func.count()).where(about_somebody, _C.closed_at.is_(None))).scalar_one()
    durations = sorted(row.closed_at - row.opened_at for row in rows if row.outcome == "completed")
    return Finished(durations, waiting, outcomes)


def _named(sql: Connection, which: Any, order: Any, limit: int) -> list[tuple[Case, str]]:
    rows = sql.execute(
        sa.select(*_CASE, account.c.name)
        .join(account, account.c.id == _C.account_id)
        .where(which)
        .order_by(order)
        .limit(limit)
    )
    return [(_case(row[:-1]), row[-1]) for row in rows]


def _case(row: Any) -> Case:
    return Case(*row)
