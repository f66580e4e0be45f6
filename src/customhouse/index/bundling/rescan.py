"""Looking into wheels that came before anybody looked, and again when the tables know more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from customhouse.catalog.bundled import Unscanned, forget_scan, is_scanned, keep_scan, to_scan
from customhouse.formats.bundled.model import BundledScan
from customhouse.infra.blob_files import local_file
from customhouse.infra.blobs import Blobs
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Rejected

log = logging.getLogger("customhouse.bundled")

RESCAN_JOB = "scan-bundled"
BATCH = 10

Scan = Callable[[Path, str], BundledScan]
"""Reads a wheel in a process that can be killed; raises `Rejected`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a wheel bundles that was looked into again."""

    file_id: int
    scan: BundledScan


def rescan(deeds: Deeds, blobs: Blobs, scan: Scan, spool: Path, *, after: int = 0, most: int = BATCH) -> int | None:
    """Look into some wheels that wait; returns the last one's id, or None if none waits.

    Each is read outside of any transaction, and written in one of its own. Doing it again finds those done that are.
    """
    with deeds.database.read() as sql:
        waiting = to_scan(sql, after, most)
    for one in waiting:
        deeds.do(_keep, Found(one.file_id, _scan(blobs, scan, spool, one)))
    return waiting[-1].file_id if waiting else None


def _scan(blobs: Blobs, scan: Scan, spool: Path, one: Unscanned) -> BundledScan:
    """What it bundles; that a file cannot be read is kept as a note, so that nobody tries for ever."""
    try:
        with local_file(blobs, Digest(one.digest), spool) as path:
            return scan(path, one.filename)
    except (Rejected, Broken) as fault:
        log.warning("%s was not scanned: %s", one.filename, fault)
        return BundledScan(notes=(f"{one.filename}: not scanned: {fault}"[:600],))


def _keep(command: Found, tx: Tx) -> None:
    """Write what was found, unless somebody else has looked meanwhile."""
    tx.serialize()
    if is_scanned(tx.sql, command.file_id):
        return
    forget_scan(tx.sql, command.file_id)
    keep_scan(tx.sql, command.file_id, command.scan, tx.now())
