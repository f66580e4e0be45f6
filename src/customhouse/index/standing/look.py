"""Auditing a registered list again, and telling its owner what is news: nothing twice, and again when it changes.

The look reads what is known and compares outside of any transaction that writes; a short one then writes what is news,
together with the letter or the delivery. A look that has seen older advisories than the last one changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories import queries as advisories
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import Level
from customhouse.index.standing import queries
from customhouse.index.standing.model import News, Standing, Told, findings_of, news_of
from customhouse.index.standing.register import JOB, forget_all_of
from customhouse.index.standing.tables import standing_audit, standing_finding
from customhouse.infra import jobs
from customhouse.ledger.chain import Entry
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.numbers import number_of

LETTER = "standing-findings"
WEBHOOK_JOB = "standing-webhook"
MOST_TOLD = 200
"""Of one letter or delivery; the page shows the rest."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has found, and how new the advisories were that it saw."""

    standing_id: str
    registered_at: datetime
    serial: int
    findings: tuple[Told, ...]


def hear(sql: Connection, entry: Entry, now: datetime) -> None:
    """The follower: have every list looked at that holds a package of which something has changed.

    Its jobs are written with its serial in one transaction, so no change is missed.
    """
    match entry.kind:
        case "advisories-changed":
            names: Collection[str] = json.loads(entry.body)["names"]
        case "exploitation-changed":
            names = queries.names_with(sql, json.loads(entry.body).get("cves", ()))
        case "account-closed":
            account_id = number_of(str(json.loads(entry.body).get("user_id", "")))
            if account_id is not None:
                forget_all_of(sql, account_id)
            return
        case _:
            return
    for standing_id in sorted(queries.holding(sql, names)):
        jobs.add(sql, JOB, {"standing": standing_id}, due_at=now, key=f"{JOB}:{standing_id}:{entry.serial}")


def look(deeds: Deeds, standing_id: str) -> None:
    """Audit one list. Running it again finds nothing new and tells nothing."""
    with deeds.database.read() as sql:
        found = queries.find_standing(sql, standing_id)
        if found is None:
            return
        serial = advisories.last_change(sql)
        components = queries.components_of(sql, standing_id)
        names = sorted({one.name for one in components})
        records: dict[str, Sequence[tuple[Record, Level]]] = {}
        for start in range(0, len(names), queries.AT_ONCE):
            some = advisories.of_names(sql, names[start : start + queries.AT_ONCE])
            records |= {name: [(one.record, one.level) for one in stored] for name, stored in some.items()}
        aliases = {name for known in records.values() for record, _ in known for name in (record.id, *record.aliases)}
        exploited = queries.exploited_among(sql, aliases)
    deeds.do(note, Seen(standing_id, found.registered_at, serial, findings_of(components, records, exploited)))


def note(command: Seen, tx: Tx) -> None:
    """Write what a look has found, and tell what is news."""
    found = queries.find_standing(tx.sql, command.standing_id, lock=True)
    if found is None or found.checked_serial > command.serial or found.registered_at != command.registered_at:
        # Revoked, seen newer by another look, or sent anew: then another look is on its way.
        return
    now = tx.now()
    news = news_of(queries.told_of(tx.sql, found.id), command.findings)
    tx.sql.execute(
        standing_audit.update()
        .where(standing_audit.c.id == found.id)
        .values(checked_at=now, checked_serial=command.serial)
    )
    if not news:
        return
    tx.sql.execute(standing_finding.delete().where(standing_finding.c.standing_id == found.id))
    if command.findings:
        tx.sql.execute(
            standing_finding.insert(),
            [
                {
                    "standing_id": found.id, "name": one.name, "version": one.version,
                    "vulnerability": one.vulnerability, "names": list(one.names), "told": one.content(),
                    "told_at": now,
                }
                for one in command.findings
            ],
        )  # fmt: skip
    _tell(found, news, tx)


def _tell(found: Standing, news: Sequence[News], tx: Tx) -> None:
    told = [one.plain() for one in news[:MOST_TOLD]]
    values: dict[str, Any] = {
        "standing": found.id, "title": found.title, "at": tx.now().isoformat(), "news": told,
        "more": max(0, len(news) - MOST_TOLD),
    }  # fmt: skip
    if found.target:
        tx.later(WEBHOOK_JOB, {"standing": found.id, "values": values, "attempt": 1})
    else:
        tx.later("mail", letter_to(found.account_id, values))


def letter_to(account_id: int, values: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the job that writes the letter."""
    return {"account_id": account_id, "template": LETTER, "values": values}


def counts(sql: Connection, ids: Collection[str]) -> dict[str, int]:
    """How many findings each of these lists has."""
    rows = sql.execute(
        sa.select(standing_finding.c.standing_id, sa.func.count())
        .where(standing_finding.c.standing_id.in_(sorted(ids)))
        .group_by(standing_finding.c.standing_id)
    )
    return {row[0]: row[1] for row in rows}
