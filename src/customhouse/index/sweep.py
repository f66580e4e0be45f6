"""Removing objects that no row names: what uploads left behind that were never acknowledged.

Three steps, so that no upload of the same bytes can lose them: a transaction marks digests as ``sweeping``; the objects
go; the marks turn to ``swept``. Running it again, or twice at once, deletes nothing that a row names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.queries import attached_digests
from customhouse.catalog import queries
from customhouse.catalog.release_objects import needed_objects
from customhouse.infra import sweep_marks
from customhouse.infra.blobs import Blobs
from customhouse.infra.db import Database
from customhouse.ledger.tx import Deeds, Tx
from customhouse.mirror import object_rows
from customhouse.terms.digest import Digest

# Keeps each write transaction far below 20 ms.
BATCH = 100
MARK_MEMORY = timedelta(days=1)


def sweep(deeds: Deeds, blobs: Blobs, *, grace: timedelta) -> int:
    """Remove objects without a row that are older than the grace time; returns how many went.

    First ends what a killed sweep began: its marks are there, and still no row can name those digests.
    """
    database, now = deeds.database, deeds.clock.now()
    with database.read() as sql:
        left_over = sweep_marks.unfinished(sql)
    removed = _remove(database, blobs, left_over)
    old = (stored.digest.hex for stored in blobs.list() if stored.stored_at <= now - grace)
    for batch in _batches(old):
        with database.read() as sql:
            orphans = sorted(set(batch) - needed_digests(sql, batch))
        if orphans:
            removed += _remove(database, blobs, deeds.do(_mark_orphans, (orphans, now)))
    with database.write() as sql:
        sweep_marks.forget(sql, now - MARK_MEMORY)
    return removed


def sweep_digests(deeds: Deeds, blobs: Blobs, digests: list[str]) -> int:
    """Remove these objects now, those that no row needs any more; returns how many went."""
    return _remove(deeds.database, blobs, deeds.do(_mark_orphans, (sorted(digests), deeds.clock.now())))


def needed_digests(sql: Connection, digests: list[str]) -> set[str]:
    """Which of these objects a row needs: a file here, a message, a release run, or a file of an upstream."""
    return (
        queries.known_digests(sql, digests)
        | attached_digests(sql, digests)
        | needed_objects(sql, digests)
        | object_rows.needed_digests(sql, digests)
    )


def _mark_orphans(command: tuple[list[str], datetime], tx: Tx) -> list[str]:
    """Mark those digests that still no row names; looks again as the only writer."""
    orphans, now = command
    tx.serialize()
    marked = sorted(set(orphans) - needed_digests(tx.sql, orphans))
    for digest in marked:
        sweep_marks.mark(tx.sql, digest, now)
    return marked


def _remove(database: Database, blobs: Blobs, digests: list[str]) -> int:
    for digest in digests:
        blobs.delete(Digest(digest))
    if digests:
        with database.write() as sql:
            sweep_marks.mark_swept(sql, digests)
    return len(digests)


def _batches(items: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
