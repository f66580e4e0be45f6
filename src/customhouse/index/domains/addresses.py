"""Which accounts have an address at which domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.lost_address import find_lost
from customhouse.accounts.tables import account, lost_address
from customhouse.index.domains.tables import mail_domain, mail_domain_member
from customhouse.infra.db import insert_new
from customhouse.infra.dns import written
from customhouse.ledger.tx import Tx
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Rejected

BATCH = 500
DAY = timedelta(days=1)
# Whose address opens the account by a link: verified ones, and those that an operator has written down.
_COUNTS = sa.and_(
    account.c.email != "", sa.or_(account.c.email_verified_at.is_not(None), account.c.registered_at.is_(None))
)
_STILL_LOST = (
    sa.select(lost_address.c.domain)
    .join(account, account.c.id == lost_address.c.account_id)
    .where(account.c.email == lost_address.c.email, account.c.email_verified_at.is_(None))
    .distinct()
)
_ALL = sa.select(account.c.id, account.c.email, account.c.email_verified_at, account.c.created_at).where(_COUNTS)


@dataclass(frozen=True, slots=True)
class Address:
    """An account whose address counts, and since when we know it to be his."""

    account_id: int
    known_at: datetime


def domain_of(email: str) -> str | None:
    """What stands behind the "@", as the name system is asked for it; None for what has no domain to look at.

    A name of one label is a host in somebody's own network.
    """
    try:
        domain = written(email.rpartition("@")[2])
    except Rejected:
        return None
    return domain if "." in domain else None


def known_members(sql: Connection, domain: str) -> list[Address]:
    """Those at a domain of whom the last gathering knew, as they are now."""
    rows = sql.execute(
        _ALL.join(mail_domain_member, mail_domain_member.c.account_id == account.c.id).where(
            mail_domain_member.c.domain == domain
        )
    ).all()
    return _counting(sql, domain, rows)


def all_members(sql: Connection, domain: str) -> list[Address]:
    """Everybody at a domain: all accounts are gone through, so that none that came a minute ago is missed."""
    return _counting(sql, domain, sql.execute(_ALL.order_by(account.c.id)))


@dataclass(frozen=True, slots=True)
class Gathered:
    """What has changed since the last gathering."""

    left: Sequence[int]
    """Accounts that are at no domain any more, or at another one."""
    came: Sequence[tuple[int, str]]
    new: Sequence[str]
    ended: Sequence[str]

    @property
    def anything(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.left or self.came or self.new or self.ended)


def gather(sql: Connection, spared: Sequence[str]) -> Gathered:
    """See who is at which domain now. All accounts are gone through, in a transaction that only reads."""
    wanted = {
        row.id: domain
        for row in sql.execute(_ALL)
        if (domain := domain_of(row.email)) is not None and not is_spared(domain, spared)
    }
    have = {row.account_id: row.domain for row in sql.execute(sa.select(mail_domain_member))}
    lost = set(sql.execute(_STILL_LOST).scalars())
    kept = set(wanted.values()) | {domain for domain in lost if not is_spared(domain, spared)}
    known = set(sql.execute(sa.select(mail_domain.c.name)).scalars())
    return Gathered(
        left=[number for number, domain in have.items() if wanted.get(number) != domain],
        came=[(number, domain) for number, domain in wanted.items() if have.get(number) != domain],
        new=sorted(kept - known),
        ended=sorted(known - kept),
    )


def write_gathered(found: Gathered, tx: Tx) -> None:
    """Write down who is at which domain, and which domains there are. Writing it again changes nothing.

    First looks are spread over a day, each domain at an hour of its own. A domain is forgotten when nobody is there any
    more, and nobody was whose address was given up because of it.
    """
    for numbers in _batches([*found.left, *(number for number, _domain in found.came)]):
        tx.sql.execute(mail_domain_member.delete().where(mail_domain_member.c.account_id.in_(numbers)))
    for pairs in _batches(found.came):
        rows = [{"account_id": number, "domain": domain} for number, domain in pairs]
        tx.sql.execute(mail_domain_member.insert(), rows)
    for names in _batches(found.ended):
        tx.sql.execute(mail_domain.delete().where(mail_domain.c.name.in_(names)))
    for name in found.new:
        insert_new(tx.sql, mail_domain, **fresh_row(name, tx.now(), due_at=tx.now() + _share_of_a_day(name)))


def fresh_row(name: str, now: datetime, *, due_at: datetime) -> dict[str, Any]:
    """A domain of which nothing is known yet."""
    return {
        "name": name, "registered_as": "", "state": "new", "reason": "", "since": now, "bad_reason": "",
        "statuses": [], "name_servers": [], "mail_hosts": [], "first_at": now, "failures": 0, "why": "",
        "due_at": due_at,
    }  # fmt: skip


def is_spared(domain: str, spared: Sequence[str]) -> bool:
    """Whether the operator has said that a domain is never to be looked at."""
    return any(domain == one or domain.endswith(f".{one}") for one in map(str.lower, spared))


def _counting(sql: Connection, domain: str, rows: Iterable[Any]) -> list[Address]:
    """Those that really are at the domain, but for those that are lost already."""
    there = [row for row in rows if domain_of(row.email) == domain]
    return [
        Address(row.id, row.email_verified_at or row.created_at)
        for row in there
        if row.email_verified_at is not None or find_lost(sql, row.id) is None
    ]


def _share_of_a_day(name: str) -> timedelta:
    return DAY * (int(Digest.of(name.encode()).hex[:8], 16) / 2**32)


def _batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))
