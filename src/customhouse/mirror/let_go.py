"""Letting go of files that nobody fetches any more, by the keep rules of the settings.

The bytes go, the rows stay: whoever asks again gets the file from upstream again, and it must have the same digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from customhouse.ledger.tx import Deeds, Tx
from customhouse.mirror.object_events import UpstreamFilesLetGo
from customhouse.mirror.object_rows import Kept, find_kept, forget_bytes, stored_bytes, unused_since
from customhouse.terms.identity import SYSTEM

BATCH = 50


@dataclass(frozen=True, slots=True)
class KeepRules:
    """What an operator has said; 0 means that nothing goes for that reason."""

    most_bytes: int = 0
    days: int = 0


def let_go(deeds: Deeds, rules: KeepRules) -> Iterator[list[str]]:
    """Forget the least recently fetched files until the rules hold; gives the digests that are free now, in batches.

    The caller removes each batch's objects, those that no other row needs. If he dies before, the sweep finds them.
    """
    if rules.days:
        before = deeds.clock.now() - timedelta(days=rules.days)
        while True:
            with deeds.database.read() as sql:
                batch = unused_since(sql, before, BATCH)
            if not batch:
                break
            yield deeds.do(_forget, batch)
    while rules.most_bytes:
        with deeds.database.read() as sql:
            excess = stored_bytes(sql) - rules.most_bytes
            oldest = unused_since(sql, deeds.clock.now(), BATCH) if excess > 0 else []
        batch = []
        for row in oldest:
            if excess <= 0:
                break
            batch.append(row)
            excess -= row.size_bytes
        if not batch:
            return
        yield deeds.do(_forget, batch)


def _forget(batch: list[Kept], tx: Tx) -> list[str]:
    """One transaction: a file that was fetched meanwhile stays."""
    tx.serialize()
    gone: list[Kept] = []
    for row in batch:
        now = find_kept(tx.sql, row.upstream, row.filename)
        if now is not None and now.stored and now.used_at == row.used_at:
            forget_bytes(tx.sql, now)
            gone.append(now)
    if gone:
        projects = sorted({row.project for row in gone})
        tx.record(UpstreamFilesLetGo(SYSTEM, None, len(gone), sum(row.size_bytes for row in gone)))
        # What is ready of these projects says that the files are here.
        tx.void_names(projects)
    return [row.digest for row in gone]
