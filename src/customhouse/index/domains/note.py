"""Write down a look at a domain, and do what its verdict says: in one transaction, after the look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from customhouse.accounts.lost_address import LoseAddress, Reason, lose_address
from customhouse.accounts.tables import lost_address
from customhouse.index.domains.addresses import DAY, Address, all_members, fresh_row, known_members
from customhouse.index.domains.events import DomainLost, DomainWaits
from customhouse.index.domains.judge import Away, History, Look, Lost, Names, Nothing, Suspicious, Verdict, judge
from customhouse.index.domains.tables import mail_domain, mail_domain_turn
from customhouse.infra.db import insert_new
from customhouse.infra.rdap import Registration
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import SYSTEM, Identity

FIRST_RETRY = timedelta(hours=1)
# A little more than a day, so that a second look always lies 24 hours after the first.
NEXT_LOOK = DAY + timedelta(minutes=1)
SPARED = timedelta(days=30)
"""For so long an operator's word that a domain is not lost holds."""
TURNS_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class NoteLook:
    """What a look at a domain has seen, and how many addresses may be given up in a day without a human."""

    name: str
    look: Look
    per_day: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A domain's addresses are to be given up: all, or those known before a moment."""

    name: str
    reason: Reason
    sentence: str
    before: datetime | None = None
    by: Identity = SYSTEM
    by_hand: bool = False


def note_look(command: NoteLook, tx: Tx) -> Verdict:
    """Keep what was seen and judge it by what was known.

    Noting the same look again changes nothing more: suspicion counts by the clock, and what is lost is lost already.
    """
    insert_new(tx.sql, mail_domain, **fresh_row(command.name, tx.now(), due_at=tx.now()))
    row = tx.sql.execute(sa.select(mail_domain).where(mail_domain.c.name == command.name).with_for_update()).one()
    members = known_members(tx.sql, command.name)
    history = History(
        min((one.known_at for one in members), default=None), row.bad_reason, row.bad_since,
        tuple(row.name_servers), tuple(row.mail_hosts),
    )  # fmt: skip
    verdict = judge(history, command.look)
    state, reason = _act(verdict, row, command, tx)
    values = _seen(row, command.look) | _streak(row, command.look, verdict) | {"state": state, "reason": reason}
    if (state, reason) != (row.state, row.reason):
        values["since"] = tx.now()
        turn(tx, command.name, state, reason)
    tx.sql.execute(mail_domain.update().where(mail_domain.c.name == command.name).values(**values))
    return verdict


def give_up(command: GiveUp, tx: Tx) -> int:
    """Let the addresses of a domain count as verified no longer; returns how many there were."""
    members = _affected(tx, command)
    for one in members:
        lose_address(LoseAddress(one.account_id, command.name, command.reason, command.by, command.by_hand), tx)
    if members:
        tx.record(
            DomainLost(
                command.by, None, domain=command.name, reason=command.reason, sentence=command.sentence,
                addresses=len(members),
            )
        )  # fmt: skip
    return len(members)


def turn(tx: Tx, name: str, state: str, reason: str) -> None:
    """Remember that a domain came into a state, for the picture of it."""
    tx.sql.execute(mail_domain_turn.insert().values(domain=name, at=tx.now(), state=state, reason=reason))
    past = tx.now() - TURNS_KEPT
    tx.sql.execute(mail_domain_turn.delete().where(mail_domain_turn.c.domain == name, mail_domain_turn.c.at < past))


def _act(verdict: Verdict, row: Any, command: NoteLook, tx: Tx) -> tuple[str, str]:
    """The state that the domain is in now, and why; its addresses are given up if they must be."""
    match verdict:
        case Nothing(sure=False):
            return row.state, row.reason
        case Nothing():
            _say_that_links_suffice(command, tx)
            return "fine", ""
        case Suspicious() if row.state == "waiting":
            # What waits for an operator goes on waiting; what looks better ends that, and not what looks otherwise.
            return row.state, row.reason
        case Suspicious(reason=reason):
            lasting = row.state == "lost" and verdict.counts
            return ("lost", row.reason) if lasting else ("suspicious", reason)
        case Lost():
            return _lose(verdict, row, command, tx), verdict.reason


def _lose(verdict: Lost, row: Any, command: NoteLook, tx: Tx) -> str:
    """Within the daily limit the addresses go at once; beyond it the domain waits for an operator, however long."""
    if _is_spared(verdict, row, tx):
        return "suspicious"
    # One after another: the limit counts what another worker has just given up.
    tx.serialize()
    wish = GiveUp(command.name, verdict.reason, verdict.sentence, verdict.before)
    tx.sql.execute(_of_domain(command.name, verdict.before).values(link_enough=False))
    members = _affected(tx, wish)
    gone = tx.sql.execute(
        sa.select(sa.func.count())
        .select_from(lost_address)
        .where(lost_address.c.lost_at > tx.now() - DAY, sa.not_(lost_address.c.by_hand))
    ).scalar_one()
    if members and (row.state == "waiting" or gone + len(members) > command.per_day):
        if row.state != "waiting":
            tx.record(
                DomainWaits(
                    SYSTEM, None, domain=command.name, reason=verdict.reason, sentence=verdict.sentence,
                    addresses=len(members),
                )
            )  # fmt: skip
        return "waiting"
    give_up(wish, tx)
    return "lost"


def _is_spared(verdict: Lost, row: Any, tx: Tx) -> bool:
    """Whether an operator has spared the domain; he has spared no holder who has registered it since then (A33)."""
    until = row.spared_until
    if until is None or until <= tx.now():
        return False
    return verdict.reason != "registered-again" or verdict.before is None or verdict.before <= until - SPARED


def _affected(tx: Tx, wish: GiveUp) -> list[Address]:
    return [one for one in all_members(tx.sql, wish.name) if wish.before is None or one.known_at < wish.before]


def _of_domain(name: str, before: datetime | None) -> sa.Update:
    change = lost_address.update().where(lost_address.c.domain == name)
    return change if before is None else change.where(lost_address.c.known_at < before)


def _say_that_links_suffice(command: NoteLook, tx: Tx) -> None:
    """The domain is back, and its registry shows that it was never anybody else's: a link proves what it did before."""
    registry = command.look.registry
    if isinstance(registry, Registration) and registry.registered_at is not None:
        tx.sql.execute(
            lost_address.update()
            .where(lost_address.c.domain == command.name, lost_address.c.known_at >= registry.registered_at)
            .where(sa.not_(lost_address.c.link_enough))
            .values(link_enough=True)
        )


def _seen(row: Any, look: Look) -> dict[str, Any]:
    """What is kept of the look; what was not answered stays as it was known."""
    values: dict[str, Any] = {"looked_at": look.at}
    if isinstance(look.registry, Registration):
        values |= {
            "registered_as": look.registry.name, "registered_at": look.registry.registered_at,
            "expires_at": look.registry.expires_at, "statuses": sorted(look.registry.statuses),
        }  # fmt: skip
    elif not isinstance(look.registry, Away):
        values["statuses"] = []
    if isinstance(look.names, Names) and look.names.exists:
        values |= {"name_servers": list(look.names.name_servers), "mail_hosts": list(look.names.mail_hosts)}
    if look.whole:
        return values | {"good_at": look.at, "failures": 0, "why": "", "due_at": look.at + NEXT_LOOK}
    why = " ".join(half.why for half in (look.registry, look.names) if isinstance(half, Away))
    wait = min(FIRST_RETRY * 2 ** min(row.failures, 8), NEXT_LOOK)
    return values | {"failures": row.failures + 1, "why": why[:1000], "due_at": look.at + wait}


def _streak(row: Any, look: Look, verdict: Verdict) -> dict[str, Any]:
    """Since when every look that saw anything has seen the same thing wrong."""
    if isinstance(verdict, Suspicious) and verdict.counts:
        begun = row.bad_since if row.bad_reason == verdict.reason else None
        return {"bad_reason": verdict.reason, "bad_since": begun or look.at}
    if isinstance(verdict, Lost) or isinstance(look.names, Away):
        return {}
    return {"bad_reason": "", "bad_since": None}
