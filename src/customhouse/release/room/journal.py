"""A run's journal in the database: lines that are only ever added, each append a compare-and-swap on the head.

The bytes of a line are those that a file would hold (`codec.write_line`), so a journal can be copied out and verified
anywhere. Commit makes it durable; on SQLite that is an fsync, as everywhere here (`infra.db`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.release.codec import read_line, write_line
from customhouse.release.journal import Head
from customhouse.release.room.people import unknown_run
from customhouse.release.room.tables import release_line, release_run
from customhouse.release.sealed import Sealed
from customhouse.terms.errors import Refused


def head_of(sql: Connection, run: str) -> Head:
    """The end of a run's journal; raises `Refused` (404) if there is no such run."""
    row = sql.execute(
        sa.select(release_run.c.seq, release_run.c.head).where(release_run.c.id == run)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise unknown_run()
    return Head(row.seq, row.head)


def texts_after(sql: Connection, run: str, after: int, *, most: int | None = None) -> list[str]:
    """The lines after this one as they are written, the first ``most`` of them."""
    query = (
        sa.select(release_line.c.line)
        .where(release_line.c.run_id == run, release_line.c.seq > after)
        .order_by(release_line.c.seq)
    )
    return list(sql.execute(query.limit(most) if most is not None else query).scalars())


def bytes_of_journal(sql: Connection, run: str) -> int:
    """How long all lines are together, in characters."""
    total = sa.select(sa.func.coalesce(sa.func.sum(sa.func.length(release_line.c.line)), 0))
    return int(sql.execute(total.where(release_line.c.run_id == run)).scalar_one())


def lines_after(sql: Connection, run: str, after: int = -1) -> list[Sealed]:
    """The lines after this one, in order."""
    return [
        read_line(text, where=f"line {number}")
        for number, text in enumerate(texts_after(sql, run, after), start=after + 1)
    ]


def first_line(sql: Connection, run: str) -> Sealed:
    """The first line; raises `Refused` (404) if there is none."""
    found = texts_after(sql, run, -1, most=1)
    if not found:
        raise unknown_run()
    return read_line(found[0], where="line 0")


def append_lines(sql: Connection, run: str, lines: Sequence[Sealed], expected: Head) -> None:
    """Add lines in the open transaction. Of two who add after the same head, the second one is refused."""
    if not lines:
        return
    last = lines[-1]
    moved = sql.execute(
        release_run.update()
        .where(release_run.c.id == run, release_run.c.seq == expected.seq, release_run.c.head == expected.hash)
        .values(seq=last.seq, head=last.hash, changed_at=last.at)
    ).rowcount
    if not moved:
        raise journal_moved(head_of(sql, run))
    sql.execute(release_line.insert(), [_row(run, line) for line in lines])


def journal_moved(head: Head) -> Refused:
    """Somebody else has written: read, think again, try again."""
    return Refused(
        "journal-moved", f"Somebody else has written to the journal (line {head.seq}).", "Read it again.", status=409
    )


def _row(run: str, line: Sealed) -> dict[str, str | int | datetime]:
    return {
        "run_id": run, "seq": line.seq, "at": line.at, "kind": line.event.kind, "by": line.by, "hash": line.hash,
        "line": write_line(line),
    }  # fmt: skip
