"""Counting once a day: the first run of a day counts, and a day on which nothing ran stays empty.

Yesterday's accounts cannot be counted today, so a missed day is a gap and never made up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, second_factor
from customhouse.catalog import rights
from customhouse.index.giveaway.queries import keys_given
from customhouse.index.recovery.queries import finished_times
from customhouse.index.trust.model import RECOVERY_DAYS, at_rank
from customhouse.index.trust.tables import trust_single, trust_snapshot
from customhouse.infra.db import Database, insert_new

MEDIAN, NINETY = 50, 90
_BATCH = 500
_BY_ACCOUNT = (
    sa.select(
        second_factor.c.account_id,
        sa.func.max(sa.case((second_factor.c.method == "webauthn", 1), else_=0)).label("webauthn"),
        sa.func.max(sa.case((second_factor.c.method == "totp", 1), else_=0)).label("totp"),
    )
    .join(account, account.c.id == second_factor.c.account_id)
    .where(account.c.frozen_at.is_(None))
    .group_by(second_factor.c.account_id)
    .subquery("by_account")
)
_METHODS = sa.select(_BY_ACCOUNT.c.webauthn, _BY_ACCOUNT.c.totp, sa.func.count()).group_by(
    _BY_ACCOUNT.c.webauthn, _BY_ACCOUNT.c.totp
)
_WITH_FACTOR = sa.select(second_factor.c.account_id).distinct()
_NOT_FROZEN = sa.select(account.c.id).where(account.c.frozen_at.is_(None))


@dataclass(frozen=True, slots=True)
class _Counted:
    """The numbers of now, and the public critical projects that depend on one person."""

    numbers: dict[str, Any]
    singles: list[int]


def take_snapshot(database: Database, now: datetime) -> bool:
    """Count, unless it was done today; whether this call has. Running it again the same day changes nothing."""
    today = now.date()
    with database.read(snapshot=True) as sql:
        if sql.execute(sa.select(trust_snapshot.c.day).where(trust_snapshot.c.day == today)).one_or_none():
            return False
        counted = _count(sql, now)
    with database.write() as sql:
        if insert_new(sql, trust_snapshot, day=today, taken_at=now, **counted.numbers) is None:
            return False
        sql.execute(trust_single.delete())
        rows = [{"project_id": number} for number in counted.singles]
        for start in range(0, len(rows), _BATCH):
            sql.execute(trust_single.insert(), rows[start : start + _BATCH])
    return True


def _count(sql: Connection, now: datetime) -> _Counted:
    by_methods = {(bool(row[0]), bool(row[1])): int(row[2]) for row in sql.execute(_METHODS)}
    critical = [one for one in rights.critical_projects(sql) if one.public]
    standing = set(sql.execute(_NOT_FROZEN).scalars())
    people = set[int]().union(*(one.people for one in critical)) & standing
    with_factor = set(sql.execute(_WITH_FACTOR).scalars())
    # Whoever is frozen can do nothing for a project, so he does not count as one who looks after it.
    active = {one.id: one.people & standing for one in critical}
    sizes = Counter(str(len(found)) for found in active.values())
    times = finished_times(sql, now - timedelta(days=RECOVERY_DAYS)).durations
    numbers = {
        "accounts": len(standing),
        "webauthn_only": by_methods.get((True, False), 0),
        "totp_only": by_methods.get((False, True), 0),
        "both_methods": by_methods.get((True, True), 0),
        "critical_projects": len(critical),
        "critical_people": len(people),
        "critical_protected": len(people & with_factor),
        "projects_by_people": dict(sorted(sizes.items())),
        "keys_given": keys_given(sql),
        "recoveries": len(times),
        "recovery_median_seconds": at_rank(times, MEDIAN),
        "recovery_ninety_seconds": at_rank(times, NINETY),
    }
    return _Counted(numbers, [number for number, found in active.items() if len(found) == 1])
