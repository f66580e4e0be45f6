"""What operators see of mail domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, lost_address
from customhouse.index.domains.rounds import counts
from customhouse.index.domains.tables import domain_alarm, mail_domain, mail_domain_member, mail_domain_turn

# The most urgent first.
_ORDER = ("waiting", "lost", "suspicious", "new", "fine")


@dataclass(frozen=True, slots=True)
class Turn:
    """A domain came into a state."""

    at: datetime
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class DomainView:
    """One domain with what was last seen, how many addresses it has, and how it was over time."""

    row: Any
    addresses: int
    turns: Sequence[Turn]


@dataclass(frozen=True, slots=True)
class Overview:
    """How things stand with all of them."""

    total: int
    unanswered: int
    """Of so many no look was answered for days."""
    alarm_since: datetime | None
    waiting: int
    given_up_today: int
    """Addresses that were given up without a human in the last 24 hours."""


def overview(sql: Connection, now: datetime, days: int) -> Overview:
    """The numbers above the table."""
    total, unanswered = counts(sql, now - timedelta(days=days))
    waiting = sql.execute(
        sa.select(sa.func.count()).select_from(mail_domain).where(mail_domain.c.state == "waiting")
    ).scalar_one()
    today = sql.execute(
        sa.select(sa.func.count())
        .select_from(lost_address)
        .where(lost_address.c.lost_at > now - timedelta(days=1), sa.not_(lost_address.c.by_hand))
    ).scalar_one()
    since = sql.execute(sa.select(domain_alarm.c.since)).scalar_one_or_none()
    return Overview(total, unanswered, since, waiting, today)


def domains(sql: Connection, *, wanted: str = "", state: str = "", limit: int = 100) -> list[DomainView]:
    """Domains in a state and whose name begins so, if that is asked for; the most urgent first."""
    urgency = sa.case({state: number for number, state in enumerate(_ORDER)}, value=mail_domain.c.state, else_=9)
    query = sa.select(mail_domain).order_by(urgency, mail_domain.c.since.desc(), mail_domain.c.name).limit(limit)
    if wanted:
        query = query.where(mail_domain.c.name.startswith(wanted.lower(), autoescape=True))
    if state:
        query = query.where(mail_domain.c.state == state)
    rows = sql.execute(query).all()
    names = [row.name for row in rows]
    counted = sql.execute(
        sa.select(mail_domain_member.c.domain, sa.func.count().label("addresses"))
        .where(mail_domain_member.c.domain.in_(names))
        .group_by(mail_domain_member.c.domain)
    )
    members: dict[str, int] = {row.domain: row.addresses for row in counted}
    turns: dict[str, list[Turn]] = {}
    for turn in sql.execute(
        sa.select(mail_domain_turn).where(mail_domain_turn.c.domain.in_(names)).order_by(mail_domain_turn.c.id)
    ):
        turns.setdefault(turn.domain, []).append(Turn(turn.at, turn.state, turn.reason))
    return [DomainView(row, members.get(row.name, 0), turns.get(row.name, [])) for row in rows]


def lost_accounts(sql: Connection, *, limit: int = 100) -> list[Any]:
    """Accounts whose address is lost and not given again, the newest first."""
    return list(
        sql.execute(
            sa.select(
                account.c.name, lost_address.c.domain, lost_address.c.reason, lost_address.c.lost_at,
                lost_address.c.link_enough, lost_address.c.withheld_at,
            )
            .join(account, account.c.id == lost_address.c.account_id)
            .where(account.c.email == lost_address.c.email, account.c.email_verified_at.is_(None))
            .order_by(lost_address.c.lost_at.desc())
            .limit(limit)
        )
    )  # fmt: skip
