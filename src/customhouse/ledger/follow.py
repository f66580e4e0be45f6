"""Reacting to what happened: a follower reads the ledger once, in order, and never misses an event.

The ledger is its own outbox. Serials appear in the order of commits, so a follower needs to keep nothing but the last
one it has dealt with; its reaction and that serial are written in one transaction. Deeds know nothing of their
followers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.infra.db import Database
from customhouse.ledger.chain import Entry
from customhouse.ledger.tables import follower, ledger_event, ledger_head

BATCH = 50
TURN_SECONDS = 0.02
"""A batch ends after so long, because other writers wait for it; the rest comes in the next one."""

React = Callable[[Connection, Entry], None]
"""Reads what it needs and adds jobs or rows in the open transaction. No mail, no HTTP: that is what jobs are for."""


def follow(database: Database, name: str, react: React) -> int:
    """Show the follower the next batch of events; returns how many there were. Only one process does so at a time.

    A follower that is new begins at the head: it does not tell people of what happened before anybody listened.
    """
    with database.read() as sql:
        if not _unseen(sql, name):
            return 0
    with database.write() as sql:
        last = sql.execute(sa.select(follower.c.serial).where(follower.c.name == name).with_for_update()).scalar()
        if last is None:
            head = sql.execute(sa.select(ledger_head.c.serial)).scalar_one()
            sql.execute(follower.insert().values(name=name, serial=head))
            return 0
        began, seen = time.monotonic(), 0
        for entry in _after(sql, last):
            react(sql, entry)
            last, seen = entry.serial, seen + 1
            if time.monotonic() - began > TURN_SECONDS:
                break
        if seen:
            sql.execute(follower.update().where(follower.c.name == name).values(serial=last))
        return seen


def _unseen(sql: Connection, name: str) -> bool:
    """A cheap look without a write transaction: is there anything new, or is the follower itself new?"""
    last = sql.execute(sa.select(follower.c.serial).where(follower.c.name == name)).scalar()
    return last is None or last < sql.execute(sa.select(ledger_head.c.serial)).scalar_one()


def _after(sql: Connection, serial: int) -> Sequence[Entry]:
    rows = sql.execute(
        sa.select(ledger_event).where(ledger_event.c.serial > serial).order_by(ledger_event.c.serial).limit(BATCH)
    ).all()
    return [Entry(**row._mapping) for row in rows]  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling
