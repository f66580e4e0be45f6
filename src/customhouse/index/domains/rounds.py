"""The daily look at every mail domain, in runs of some domains each, spread over the day.

The questions are asked outside any transaction. Services that are away are given time: a look that was not answered is
tried again after an hour, then after two, and at last every day; a registry that is tired of us is left alone for the
rest of the run. When for days nobody answers, operators hear of it, and nothing else happens.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.lost_address import LinkWithheld
from customhouse.accounts.tables import account
from customhouse.index.domains.addresses import domain_of, gather, write_gathered
from customhouse.index.domains.events import LooksFail, LooksWork
from customhouse.index.domains.judge import Away, Look, Verdict
from customhouse.index.domains.look import look_at
from customhouse.index.domains.note import NoteLook, note_look
from customhouse.index.domains.tables import domain_alarm, mail_domain, mail_domain_member
from customhouse.infra.db import insert_new
from customhouse.infra.dns import Resolver
from customhouse.infra.rdap import Rdap
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.clock import Clock
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.terms.identity import ANONYMOUS, SYSTEM

log = logging.getLogger("customhouse.domains")

RUN_SECONDS = 120.0
"""A run ends after so long, well within the lease of its job; what is left is due in the next one."""
FRESH = timedelta(minutes=5)
CLAIM = timedelta(hours=1)
"""A domain that a run has taken, and died over, is due again after so long."""


@dataclass(frozen=True)
class Watch:
    """Looks at mail domains."""

    deeds: Deeds
    clock: Clock
    resolver: Resolver
    rdap: Rdap
    per_day: int
    alarm_days: int
    spared: tuple[str, ...] = ()
    tired: set[str] = field(default_factory=set)
    """The registries' servers that have not answered in this run."""

    def gather(self) -> None:
        """Write down which domains the addresses of accounts have. Running it again writes nothing."""
        with self.deeds.database.read() as sql:
            found = gather(sql, self.spared)
        if found.anything:
            self.deeds.do(write_gathered, found)

    def run(self, most: int) -> int:
        """Look at the domains that are due, at most so many; returns how many. Running it again finds fewer due."""
        self.tired.clear()
        looked, why = 0, ""
        try:
            self.resolver.test()
            looked, why = self._run(most)
        except Unavailable as error:
            why = str(error)
            log.warning("mail domains were not looked at: %s", error)
        self.deeds.do(raise_alarm, Alarm(self.alarm_days, why))
        return looked

    def look(self, name: str) -> tuple[Look, Verdict]:
        """Look at one domain now and do what the verdict says; raises `Rejected` for what is no mail domain."""
        domain = domain_of(f"@{name}")
        if domain is None:
            raise Rejected("bad-name", "domain", f"{name[:80]!r} is no mail domain", "a name like example.org")
        self.gather()
        with self.deeds.database.read() as sql:
            known_as = sql.execute(
                sa.select(mail_domain.c.registered_as).where(mail_domain.c.name == domain)
            ).scalar_one_or_none()
        look = self._look(domain, known_as or "")
        return look, self.deeds.do(note_look, NoteLook(domain, look, self.per_day))

    def look_before_letter(self, account_id: int) -> bool:
        """Look again at the domain that a link is about to be sent to, if the last answer is older than a few minutes.

        In May 2022 the link was asked for within the hour after the domain had been bought. If the look finds it lost,
        the letter is not sent; if nobody answers, it is. Domains that were never looked at wait for their turn.

        False if the domain waits for an operator: its addresses count as ever, but no letter that opens an account goes
        there meanwhile. Otherwise whoever lets twenty domains of his own lapse would have the next one to himself.
        """
        now = self.clock.now()
        with self.deeds.database.read() as sql:
            row = sql.execute(
                sa.select(mail_domain.c.name, mail_domain.c.registered_as, mail_domain.c.good_at)
                .join(mail_domain_member, mail_domain_member.c.domain == mail_domain.c.name)
                .where(mail_domain_member.c.account_id == account_id, mail_domain.c.looked_at.is_not(None))
            ).one_or_none()
        if row is not None and (row.good_at is None or now - row.good_at > FRESH):
            look = self._look(row.name, row.registered_as)
            self.deeds.do(note_look, NoteLook(row.name, look, self.per_day))
        return row is None or not self.deeds.do(withhold_while_waiting, (account_id, row.name))

    def _run(self, most: int) -> tuple[int, str]:
        deadline = time.monotonic() + RUN_SECONDS
        looked, why = 0, ""
        with self.deeds.database.read() as sql:
            due = sql.execute(
                sa.select(mail_domain.c.name, mail_domain.c.registered_as, mail_domain.c.due_at)
                .where(mail_domain.c.due_at <= self.clock.now())
                .order_by(mail_domain.c.due_at)
                .limit(most)
            ).all()
        for row in due:
            if time.monotonic() > deadline:
                break
            if not self.deeds.do(claim, (row.name, row.due_at)):
                continue
            look = self._look(row.name, row.registered_as)
            self.deeds.do(note_look, NoteLook(row.name, look, self.per_day))
            why = next((half.why for half in (look.registry, look.names) if isinstance(half, Away)), why)
            looked += 1
        return looked, why

    def _look(self, name: str, known_as: str) -> Look:
        """One look; a registry that did not answer in this run is not asked again, so that it is not made worse."""
        try:
            server = "" if "" in self.tired else self.rdap.server_of(name)
        except Unavailable:
            server = ""  # the list of servers itself is away
        if server in self.tired:
            away = Away(f"{'The registry at ' + server if server else 'The list of registries'} was away a moment ago.")
            return look_at(self.resolver, away, name, self.clock.now(), known_as=known_as)
        look = look_at(self.resolver, self.rdap, name, self.clock.now(), known_as=known_as)
        if isinstance(look.registry, Away) and server is not None:
            self.tired.add(server)
        return look


def withhold_while_waiting(command: tuple[int, str], tx: Tx) -> bool:
    """Whether the account's domain waits for an operator; it is noted that a letter was not sent because of that."""
    account_id, name = command
    row = tx.sql.execute(
        sa.select(mail_domain.c.reason, account.c.name)
        .join(account, account.c.id == account_id)
        .where(mail_domain.c.name == name, mail_domain.c.state == "waiting")
    ).one_or_none()
    if row is None:
        return False
    tx.record(
        LinkWithheld(ANONYMOUS, None, user_id=str(account_id), name=row.name, domain=name, reason=row.reason)
    )  # fmt: skip
    return True


def claim(command: tuple[str, object], tx: Tx) -> bool:
    """Take a domain, unless another worker has."""
    name, due_at = command
    return bool(
        tx.sql.execute(
            mail_domain.update()
            .where(mail_domain.c.name == name, mail_domain.c.due_at == due_at)
            .values(due_at=tx.now() + CLAIM)
        ).rowcount
    )


@dataclass(frozen=True, slots=True)
class Alarm:
    """After how many days without an answer operators are told, and what was last heard."""

    days: int
    why: str


def raise_alarm(command: Alarm, tx: Tx) -> None:
    """Tell operators once when most domains could not be looked at for days, and once when they can be again."""
    total, stale = counts(tx.sql, tx.now() - timedelta(days=command.days))
    since = tx.sql.execute(sa.select(domain_alarm.c.since)).scalar_one_or_none()
    if total and 2 * stale > total and since is None:
        if insert_new(tx.sql, domain_alarm, id=1, since=tx.now()):
            tx.record(LooksFail(SYSTEM, None, domains=stale, days=command.days, why=command.why[:300]))
    elif since is not None and 2 * stale <= total and tx.sql.execute(domain_alarm.delete()).rowcount:
        tx.record(LooksWork(SYSTEM, None))


def counts(sql: Connection, before: object) -> tuple[int, int]:
    """How many domains there are, and how many had no answered look since a moment."""
    last = sa.func.coalesce(mail_domain.c.good_at, mail_domain.c.first_at)
    row = sql.execute(
        sa.select(
            sa.func.count().label("total"), sa.func.count(sa.case((last < before, 1))).label("stale")
        ).select_from(mail_domain)
    ).one()
    return row.total, row.stale
