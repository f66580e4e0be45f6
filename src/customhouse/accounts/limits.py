"""How often somebody may try: moving windows in the database, so that they hold across processes and restarts (A1, A8).

Each attempt is a row under a bucket: the limit's name and a keyed hash of whom it counts, so that the rows name nobody.
An attempt that turns out to be harmless is given back.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import limit_hit
from customhouse.infra.db import Database
from customhouse.ledger.events import Event
from customhouse.terms.clock import Clock
from customhouse.terms.errors import TooMany

IPV6_PREFIX = 64
LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` attempts in any stretch of time of the length ``span`` (at most a day)."""

    name: str
    most: int
    span: timedelta


@dataclass(frozen=True, slots=True)
class Counted:
    """One limit and whom it counts: a user's id, an address, or nothing for all together."""

    limit: Limit
    whom: str = ""


class Limiter:
    """Counts attempts. Every check and its count are one transaction."""

    def __init__(self, database: Database, clock: Clock, key: ServerKey) -> None:
        self._database = database
        self._clock = clock
        self._key = key

    def take(self, *wanted: Counted, sentence: str, records: Sequence[Event] = ()) -> int:
        """Count one attempt against each limit; returns its number, for `give_back`.

        Raises `TooMany`, and counts nothing, if one of them is used up. ``records`` are the traces of that refusal.
        """
        now = self._clock.now()
        buckets = {self._bucket(one): one.limit for one in wanted}
        with self._database.write() as sql:
            _lock(sql, sorted(buckets))
            waits = [_wait(sql, bucket, limit, now) for bucket, limit in buckets.items()]
            longest = max(waits, default=timedelta())
            if not longest:
                number = secrets.randbits(53)
                rows = [{"bucket": bucket, "at": now, "attempt": number} for bucket in buckets]
                sql.execute(limit_hit.insert(), rows)
                return number
        raise TooMany(sentence, retry_after_seconds=max(1, -(-longest // timedelta(seconds=1))), records=records)

    def give_back(self, attempt: int, *wanted: Counted) -> None:
        """Take an attempt back that turned out to be right."""
        buckets = [self._bucket(one) for one in wanted]
        with self._database.write() as sql:
            sql.execute(limit_hit.delete().where(limit_hit.c.bucket.in_(buckets), limit_hit.c.attempt == attempt))

    def forget(self, *wanted: Counted) -> None:
        """Let all attempts be forgotten that these limits have counted."""
        with self._database.write() as sql:
            sql.execute(limit_hit.delete().where(limit_hit.c.bucket.in_([self._bucket(one) for one in wanted])))

    @contextmanager
    def only_failures(self, *wanted: Counted, sentence: str, records: Sequence[Event] = ()) -> Iterator[_Outcome]:
        """An attempt that counts unless its outcome is called ``right``; raises like `take`."""
        attempt = self.take(*wanted, sentence=sentence, records=records)
        outcome = _Outcome()
        yield outcome
        if outcome.right:
            self.give_back(attempt, *wanted)

    def _bucket(self, one: Counted) -> str:
        mac = self._key.mac("limit", f"{one.limit.name}\0{one.whom}")
        return f"{one.limit.name[:24]}:{mac.hex()[:32]}"


@dataclass
class _Outcome:
    """What came of an attempt."""

    right: bool = False


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(parsed) if parsed.version == 4 else str(ip_network((parsed, IPV6_PREFIX), strict=False))  # noqa: PLR2004 - the name of the protocol


def forget_old_attempts(sql: Connection, now: datetime) -> int:
    """Remove attempts that no limit counts any more; running it again removes nothing."""
    return sql.execute(limit_hit.delete().where(limit_hit.c.at < now - LONGEST)).rowcount


def _wait(sql: Connection, bucket: str, limit: Limit, now: datetime) -> timedelta:
    """How long until the limit has room again; nothing if it has."""
    since = limit_hit.c.bucket == bucket, limit_hit.c.at > now - limit.span
    times = list(sql.execute(sa.select(limit_hit.c.at).where(*since).order_by(limit_hit.c.at)).scalars())
    if len(times) < limit.most:
        return timedelta()
    frees: datetime = times[len(times) - limit.most] + limit.span
    return frees - now


def _lock(sql: Connection, buckets: Sequence[str]) -> None:
    """Keep rivals for the same buckets waiting. SQLite has one writer at a time anyway."""
    if sql.dialect.name == "postgresql":
        for bucket in buckets:
            sql.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:bucket, 0))"), {"bucket": bucket})
