"""What the policies want to know of reporters: read across the rooms of accounts, the catalog and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog import rights
from customhouse.catalog.tables import organization_member
from customhouse.reports import queries
from customhouse.reports.automatic import Reporter
from customhouse.reports.model import reputation

_ACCOUNTS = sa.select(
    account.c.id,
    account.c.name,
    account.c.created_at,
    account.c.email,
    account.c.trusted_reporter_at,
    # Whoever has lost his address since he registered has no voice, like somebody who is frozen.
    sa.or_(
        account.c.frozen_at.is_not(None),
        sa.and_(account.c.registered_at.is_not(None), account.c.email_verified_at.is_(None)),
    ).label("voiceless"),
).where(account.c.id.in_(sa.bindparam("accounts", expanding=True)))
_ORGANIZATIONS = sa.select(organization_member.c.account_id, organization_member.c.organization_id).where(
    organization_member.c.account_id.in_(sa.bindparam("accounts", expanding=True))
)


def reporters_of(sql: Connection, project_id: int, account_ids: Iterable[int], now: datetime) -> Mapping[int, Reporter]:
    """These accounts as reporters of this project, by account id."""
    return as_reporters_of(sql, project_id, known_reporters(sql, account_ids, now))


def as_reporters_of(sql: Connection, project_id: int, known: Mapping[int, Reporter]) -> Mapping[int, Reporter]:
    """The same people, with those marked who are owners or maintainers of this project."""
    concerned = {account_id for account_id, _role in rights.people_of(sql, project_id)}
    return {account_id: replace(one, concerned=account_id in concerned) for account_id, one in known.items()}


def known_reporters(sql: Connection, account_ids: Iterable[int], now: datetime) -> Mapping[int, Reporter]:
    """These accounts as reporters of no project in particular, by account id."""
    wanted = sorted(set(account_ids))
    if not wanted:
        return {}
    pasts = queries.pasts_of(sql, wanted)
    undecided = queries.undecided_quarantines(sql, wanted)
    organizations: dict[int, set[int]] = {account_id: set() for account_id in wanted}
    for row in sql.execute(_ORGANIZATIONS, {"accounts": wanted}):
        organizations[row.account_id].add(row.organization_id)
    return {
        row.id: Reporter(
            account_id=row.id,
            name=row.name,
            created_at=row.created_at,
            email=row.email,
            organizations=frozenset(organizations[row.id]),
            frozen=bool(row.voiceless),
            reputation=reputation(pasts[row.id], row.trusted_reporter_at, now),
            undecided=undecided.get(row.id, 0),
        )
        for row in sql.execute(_ACCOUNTS, {"accounts": wanted})
    }
