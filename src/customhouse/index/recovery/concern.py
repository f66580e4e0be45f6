"""Which open cases concern somebody who is signed in: about the own account, or about a co-owner's."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.index.recovery.model import Case
from customhouse.index.recovery.people import co_owners
from customhouse.index.recovery.queries import find_case, name_of, open_cases_of
from customhouse.index.recovery.tables import recovery_case

_OWN = (
    sa.select(sa.func.count())
    .select_from(recovery_case)
    .where(recovery_case.c.account_id == sa.bindparam("account"), recovery_case.c.closed_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class Concern:
    """An open case, and what the reader is to it."""

    case: Case
    name: str
    own: bool
    projects: tuple[str, ...]
    """What a co-owner owns together with the account."""


def own_cases(sql: Connection, account_id: int) -> int:
    """How many open cases there are about an account: asked for each page of a session."""
    return sql.execute(_OWN, {"account": account_id}).scalar_one()


def concerns_of(sql: Connection, account_id: int) -> list[Concern]:
    """Open cases that concern somebody, his own first."""
    found = [Concern(case, name_of(sql, account_id), own=True, projects=()) for case in open_cases_of(sql, account_id)]
    for other, shared in sorted(co_owners(sql, account_id).items()):
        name = ""
        for case in open_cases_of(sql, other):
            name = name or name_of(sql, other)
            found.append(Concern(case, name, own=False, projects=tuple(sorted(shared))))
    return found


def concern_of(sql: Connection, account_id: int, case_id: int) -> Concern | None:
    """One case, if it is open and concerns this account."""
    case = find_case(sql, case_id)
    if case is None or not case.open or case.account_id is None:
        return None
    name = name_of(sql, case.account_id)
    if case.account_id == account_id:
        return Concern(case, name, own=True, projects=())
    shared = co_owners(sql, case.account_id).get(account_id)
    return Concern(case, name, own=False, projects=tuple(sorted(shared))) if shared else None
