"""Reading the ledger."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.ledger.chain import Entry
from customhouse.ledger.tables import ledger_event, ledger_head

BATCH = 1000


def entries(sql: Connection, *, after_serial: int = 0) -> Iterator[Entry]:
    """Every entry after a serial, in order, read in batches."""
    while True:
        rows = sql.execute(
            sa.select(ledger_event)
            .where(ledger_event.c.serial > after_serial)
            .order_by(ledger_event.c.serial)
            .limit(BATCH)
        ).all()
        for row in rows:
            yield Entry(**row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling
        if len(rows) < BATCH:
            return
        after_serial = rows[-1].serial


def head(sql: Connection) -> tuple[int, str]:
    """The serial and hash that the next entry must follow."""
    row = sql.execute(sa.select(ledger_head.c.serial, ledger_head.c.hash).where(ledger_head.c.id == 1)).one()
    return row.serial, row.hash


def of_project(sql: Connection, normalized: str, *, limit: int = 100) -> list[Entry]:
    """The newest events of one project, newest first."""
    rows = sql.execute(
        sa.select(ledger_event)
        .where(ledger_event.c.project == normalized)
        .order_by(ledger_event.c.serial.desc())
        .limit(limit)
    ).all()
    return [Entry(**row._mapping) for row in rows]  # noqa: SLF001 - as above
